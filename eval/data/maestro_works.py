"""Which titles of MAESTRO's validation split name one work, read by hand."""

from __future__ import annotations

_TITLES = {
    "Bach, BWV 849": (
        "Prelude and Fugue in C-Sharp Minor, WTC I, BWV 849",
        "Prelude and Fugue in C-sharp Minor, Book I, BWV 849",
        "Prelude and Fugue in C-sharp Minor, WTC I",
        "Prelude and Fugue in C-sharp Minor, WTC I, BWV 849",
    ),
    "Bach, BWV 875": (
        "Prelude and Fugue in D Minor, Book II",
        "Prelude and Fugue in D Minor, WTC II,  BWV 875",
        "Prelude and Fugue in D Minor, WTC II, BWV 875",
    ),
    "Bach, BWV 883": (
        "Prelude and Fugue in F-sharp Minor, WTC II",
        "Prelude and Fugue in F-sharp Minor, WTC II , BWV 883",
        "Prelude and Fugue in F-sharp Minor, WTC II, BWV 883",
    ),
    "Balakirev, Islamey": ("Islamei", "Islamey", 'Oriental Fantasy "Islamey"'),
    "Beethoven, op. 22": (
        "Sonata No. 11 in B-flat Major, Op. 22, I. Allegro con brio",
        "Sonata No. 11 in E-flat Major, Op. 22 (Complete)",
        "Sonata No. 11, Op. 22 in B-flat Major, I. Allegro con brio",
    ),
    "Beethoven, op. 35": (
        "15 Variations and Fugue in Eb on an Original Theme ('Eroica Variations'), Op.35",
        "Eroica Variations, Op. 35",
        'Variations and Fugue in E-flat Major, Op. 35, "Eroica"',
    ),
    "Beethoven, op. 90": (
        "Sonata No. 27 in E Minor, Op. 90",
        "Sonata No. 27 in E Minor, Op. 90, First Movement",
        "Sonata No. 27, Op. 90, I. Mit Lebhaftigkeit und durchaus mit Empfindung und Ausdruck",
    ),
    "Brahms, op. 1": ("Sonata No. 1", "Sonata No. 1 in C Major, Op. 1"),
    "Chopin, op. 20": ("Scherzo No. 1 in B Minor, Op. 20", "Scherzo No. 1 in B minor, Op. 20"),
    "Chopin, op. 27 no. 2": ("Nocturne Op. 27 No. 2 in D-flat Major", "Nocturne in Db"),
    "Chopin, op. 48 no. 1": (
        "Nocturne Op. 48 No. 1 in C Minor",
        "Nocturne in C Minor, Op. 48 No. 1",
    ),
    "Chopin, op. 49": ("Fantasie in F Minor, Op. 49", "Fantasy in F Minor, Op.49"),
    "Chopin, op. 55 no. 2": (
        "Nocturne Op. 55 No. 2 in E-flat Major",
        "Nocturne in E-flat Major, Op. 55 No. 2",
    ),
    "Chopin, op. 57": (
        "Berceuse Op. 57",
        "Berceuse Op. 57 in D-flat Major",
        "Berceuse in D-Flat Major, Op. 57",
        "Berceuse, Op. 57",
    ),
    "Franck, Prélude, choral et fugue": ("Prel./Chor./Fug.", "Prelude, Choral et Fugue"),
    "Liszt, Hungarian Rhapsody 2": (
        "Hungarian Rhapsody No. 2 in C-sharp Minor, S. 244/2",
        "Hungarian Rhapsody No. 2 (Horowitz Edition)",
    ),
    "Liszt, Hungarian Rhapsody 12": (
        "Hungarian Rhapsody No. 12, S. 244/12",
        "Hungarian Rhapsody, No. 12",
    ),
    "Liszt, Hungarian Rhapsody 13": (
        "Hungarian Rhapsody No. 13 (arr. Volodos)",
        "Hungarian Rhapsody No. 13, S. 244/13",
    ),
    "Liszt, Hungarian Rhapsody 15": (
        "Hungarian Rhapsody No. 15 in A Minor",
        "Hungarian Rhapsody No. 15 (Horowitz edition)",
    ),
    "Liszt, S. 139 no. 1": (
        'Transcendental Etude No. 1 "Prelude"',
        'Transcendental Etude No. 1, “Preludio"',
    ),
    "Liszt, S. 139 no. 12": (
        'Transcendental Etude No. 12 "Chasse-neige"',
        'Études d\'exécution transcendante, No. 12, "Chasse-Neige" S.139/12',
    ),
    "Mozart, K. 533": ("Sonata in F Major, K533", "Sonata in F Major, K533/K494"),
    "Rachmaninoff, Polka de W. R.": ('Polka de "W.R."', "Polka de W. R.", "Polka de W.R."),
    "Rachmaninoff, op. 3 no. 1": (
        "Elegie in E-Flat Minor Op. 3",
        "Elegie in E-flat Minor, Op. 3 No. 1",
        "Elegy Op. 3, No. 1",
    ),
    "Rachmaninoff, op. 3 no. 2": (
        "Prelude Op. 3 No. 2 in C-sharp Minor",
        "Prelude in C-sharp Minor, Op. 3, No. 2",
    ),
    "Rachmaninoff, op. 39 no. 6": (
        "Etude Tableaux Op. 39 No. 6 in A Minor",
        "Etude-Tableau Op. 39 No. 6 in A Minor",
        "Etude-Tableau, Op. 39 No. 6 in A Minor",
        "Etude-Tableaux Op. 39 No. 6 in A Minor",
    ),
    "Schubert and Liszt, Der Müller und der Bach": (
        '"Der Mueller und der Bach"',
        "Der Mueller und der Bach",
    ),
    "Schumann, op. 22": (
        "Sonata No. 2 in G Minor, Op. 22",
        "Sonata No. 2 in G Minor, Op. 22 (Complete)",
    ),
}
_WORKS = {title: work for work, titles in _TITLES.items() for title in titles}
_UNCLEAR = {"Hungarian Rhapsody", "Sonata in F", "Etudes-Tableaux Op. 33"}
"""Titles that do not say which piece it is, or which pieces of a set."""

MISTITLED = {
    "MIDI-Unprocessed_19_R1_2006_01-07_ORIG_MID--AUDIO_19_R1_2006_07_Track07_wav": (
        "Balakirev, Islamey"
    ),
}
"""Files whose title is not what they hold. This one is called "Nocturne in Db" and has 5127
notes; the Nocturne op. 27 no. 2 has some 1800 in the other three recordings."""


def work_of(composer: str, title: str) -> str | None:
    """A name that equal works share; None where the title is unclear."""
    if title in _UNCLEAR:
        return None
    return _WORKS.get(title, f"{composer}, {title}")
