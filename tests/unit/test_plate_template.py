import pytest

from shared.features import plate_template

LATIN_C_AND_D, LATIN_T = "CD", "T"
CYRILLIC_ES, CYRILLIC_TE = "С", "Т"

CATEGORIES = {
    "private car": ["А016ВК797", "А016ВК77", "Я999ЯЯ00", "Ъ000ЫЬ123"],
    " lk_taxi_r_pricep": ["АВ12377", "АВ123777", "ТТ00000"],
    "lk_pricep_r_transit": ["АВ1234777", "ХХ0000000"],
    "lk_moto_tract": ["1234АВ77", "0000ХХ777"],
    "some": ["А1234ВК", "Я0000ЯЯ"],
    "lk_transit": ["АВ123С77", "АВ123С777"],
    "lk_export": [
        f"{LATIN_T}АВ12377",
        f"{LATIN_T}АВ123777",
        f"{CYRILLIC_TE}АВ12377",
        f"{CYRILLIC_TE}АВ123777",
    ],
    "lk_mvd_avto": ["А123477", "А1234777", f"{CYRILLIC_TE}123477"],
    "lk_mvd_moto": ["1234А77", "1234А777"],
    "lk_mvd_pricep": ["123А77", "123А777", f"123{CYRILLIC_TE}77"],
    "lk_diplomat": [
        f"001{LATIN_C_AND_D}001",
        f"001{LATIN_C_AND_D}00177",
        f"001{LATIN_C_AND_D}001777",
        f"001{CYRILLIC_ES}D001",
        f"001{CYRILLIC_ES}D001777",
        "001D001",
        "001D0017",
        f"001{LATIN_T}001",
        f"001{LATIN_T}001777",
        f"001{CYRILLIC_TE}0017",
        f"001{CYRILLIC_TE}001777",
    ],
}

UNKNOWN = {
    "empty": "",
    "blank": " ",
    "trailing newline": "А016ВК797\n",
    "leading space": " А016ВК797",
    "one digit of region too many": "А016ВК7971",
    "one digit of region too few": "А016ВК7",
    "one letter too many": "А016ВКК797",
    "lower case": "а016вк797",
    "one letter of lower case": "А016Вк797",
    "Ё": "Ё016ВК797",
    "Latin letters that look Cyrillic": "A016BK797",
    "Arabic-Indic digits": "А٠١٦ВК٧٩٧",
    "one Arabic-Indic digit": "А01٣ВК797",
    "full-width digits": "А０１６ВК797",
    "superscript digit": "А01²ВК797",
    "two letters and four digits": "АВ1234",
    "two letters and eight digits": "АВ12345678",
    "two and five digits with a letter": "12А34567",
    "diplomat with two digits at the end": "001CD00",
    "diplomat with seven digits at the end": "001CD0017771",
    "diplomat of Latin C and Cyrillic letter": "001CД001",
    "export with Latin letters after T": "TAB12377",
    "some with a region": "А1234ВК77",
    "digits alone": "123456",
    "letters alone": "АВЕКМ",
}


@pytest.mark.parametrize(
    ("category", "plate"),
    [(category, plate) for category, plates in CATEGORIES.items() for plate in plates],
)
def test_a_plate_has_the_category_of_its_pattern(category: str, plate: str) -> None:
    assert plate_template(plate) == category


@pytest.mark.parametrize("plate", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_matches_no_pattern_in_full_is_unknown(plate: str) -> None:
    assert plate_template(plate) == "unknown"


@pytest.mark.parametrize("plate", [plate for plates in CATEGORIES.values() for plate in plates])
def test_one_character_more_at_either_end_is_another_plate(plate: str) -> None:
    assert plate_template(plate + "!") == "unknown"
    assert plate_template("!" + plate) == "unknown"


def test_two_letters_and_six_digits_are_a_taxi_though_transit_fits_too() -> None:
    assert plate_template("АВ123456") == " lk_taxi_r_pricep"


def test_two_letters_and_seven_digits_are_transit() -> None:
    assert plate_template("АВ1234567") == "lk_pricep_r_transit"


def test_a_police_trailer_with_te_and_three_digits_comes_before_a_diplomat() -> None:
    assert plate_template(f"123{CYRILLIC_TE}777") == "lk_mvd_pricep"
    assert plate_template(f"123{LATIN_T}777") == "lk_diplomat"
