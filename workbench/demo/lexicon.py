"""The words of the demonstration grammar, sorted by what makes sense together."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """The words of a text, split at blanks."""
    return tuple(text.split())


# A noun is its singular, or "singular/plural" where the plural is irregular.
NOUNS: dict[str, tuple[str, ...]] = {
    group: words(text)
    for group, text in {
        "profession": """
            teacher doctor farmer student nurse lawyer sailor baker painter writer singer dancer
            driver manager judge soldier scientist engineer cook guide captain pilot player coach
            clerk waiter journalist carpenter gardener tailor musician actor artist librarian
            secretary photographer shepherd fisherman/fishermen mechanic poet professor hunter
            barber butcher detective plumber
        """,
        "role": """
            neighbor friend guest king queen prince customer visitor stranger child/children
            man/men woman/women boy girl patient tourist traveler thief/thieves witness/witnesses
        """,
        "kin": """
            uncle aunt brother sister mother father daughter son cousin grandmother grandfather
            nephew niece
        """,
        "pet": """
            dog cat horse cow sheep/sheep goat pig duck goose/geese rabbit donkey puppy kitten hen
        """,
        "wild": "mouse/mice fox/foxes bird bear wolf/wolves lion monkey squirrel snake turtle",
        "meal": """
            apple cake sandwich/sandwiches pear egg carrot potato/potatoes tomato/tomatoes pie
            orange biscuit banana sausage pancake salad cookie
        """,
        "drink": "milk tea coffee water juice wine",
        "object": """
            key box/boxes bag hat coat cup bottle knife/knives ring watch/watches ball
            map lamp chair picture camera phone ticket newspaper umbrella basket blanket
            brush/brushes bucket candle clock coin drum flag gift hammer mirror necklace parcel pen
            pencil pillow plate pot purse rope scarf/scarves shirt shoe spoon stone suitcase towel
            toy violin guitar book light comb drawing stamp can
        """,
        "burnable": "candle lamp fire lantern",
        "bookable": "room table seat flight ticket",
        "plant": "plant flower tree rose bush/bushes",
        "text": "letter book story poem report newspaper message note",
        "music": "song tune melody ballad",
        "fixture": "door window gate drawer cupboard",
        "vehicle": "car bus/buses truck van taxi tractor",
        "conveyance": "train boat ship plane bus/buses ferry",
        "abstract": """
            idea plan question answer story problem rule secret promise mistake lesson reason dream
            law decision theory joke
        """,
        "spectacle": "concert lecture game race dance show trial festival play",
        "occasion": "meeting party wedding journey walk visit run trip",
        "part": "arm leg back hand knee shoulder foot/feet",
        "institution": "bank company hospital university",
        "weekday": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "period": "week month year",
        "season": "summer winter spring autumn",
        "daypart": "morning afternoon evening",
        "job": "work advice news homework",
    }.items()
}

# Places, with the preposition that says being there.
PLACES: dict[str, tuple[str, ...]] = {
    preposition: words(text)
    for preposition, text in {
        "in": """
            garden park village city forest kitchen library church/churches theater field
            restaurant castle valley shop office yard bedroom tunnel barn
        """,
        "at": "station market school hotel harbor airport museum bank camp",
        "on": "bridge beach/beaches island farm hill roof square platform",
    }.items()
}

NOUNS["place"] = tuple(noun for nouns in PLACES.values() for noun in nouns)
NOUNS["person"] = NOUNS["profession"] + NOUNS["role"]
NOUNS["animal"] = NOUNS["pet"] + NOUNS["wild"]
NOUNS["event"] = NOUNS["spectacle"] + NOUNS["occasion"]

# What one can stand behind; everything else is only near.
BUILDINGS = frozenset(
    words("library church theater restaurant castle shop office barn station school hotel museum")
)
HOMES: tuple[str, ...] = words("village city valley farm island hotel school library")
SPOTS: tuple[str, ...] = (
    "on/ADP the/DET table/NOUN",
    "on/ADP the/DET shelf/NOUN",
    "under/ADP the/DET chair/NOUN",
    "under/ADP the/DET bed/NOUN",
    "in/ADP the/DET kitchen/NOUN",
    "in/ADP the/DET drawer/NOUN",
    "behind/ADP the/DET door/NOUN",
    "near/ADP the/DET window/NOUN",
    "beside/ADP my/PRON bag/NOUN",
)

# Groups whose members somebody owns, and the people who are somebody's.
OWNED = frozenset(
    words("object text meal drink job fixture vehicle abstract pet music burnable plant kin part")
)
# Nobody has two.
UNIQUE = frozenset(words("mother father"))
# Far enough to drive or travel to.
FAR = frozenset(
    words("city village farm airport station harbor beach/beaches castle valley hotel museum camp")
)
RELATIONAL = frozenset(
    words("""teacher doctor student lawyer driver manager guide coach tailor barber butcher baker
    gardener secretary neighbor friend guest customer patient child/children""")
)

NAMES: tuple[str, ...] = words("""
    Anna Peter Maria David Laura Thomas Julia Robert Emma Daniel Sarah Martin Alice Henry Clara
    Oscar Helen Simon Nora Victor Grace Mark Bill Rose
    """)
TOWNS: tuple[str, ...] = words(
    "London Paris Berlin Rome Boston Chicago Madrid Vienna Toronto Dublin Oslo Lisbon"
)

# A verb is its base form; irregular ones follow in IRREGULAR.
VERBS: dict[str, tuple[str, ...]] = {
    frame: words(text)
    for frame, text in {
        "person acts": """
            sleep laugh cry smile wait work run walk sing dance swim travel dream rest wave shout
            whisper sneeze arrive disappear complain cook read play study return hide
        """,
        "animal acts": "sleep run hide jump rest escape disappear wait play swim drink",
        "vehicle acts": "stop arrive leave return wait",
        "event happens": "begin start end finish continue",
        "person object": """
            buy sell carry find lose break repair clean drop steal hide paint want need
            keep borrow hold pack collect choose bring like
        """,
        "person person": """
            help meet thank visit follow call trust know love admire invite answer question
            watch remember forget greet blame avoid phone surprise
        """,
        "person meal": "eat cook buy prepare taste share order like want bring",
        "person drink": "drink order like want pour buy",
        "person vehicle": "drive repair buy sell wash park clean",
        "person place": "visit leave reach love know like remember",
        "person text": "read write translate finish copy publish print study",
        "person music": "sing play hear love write record practice",
        "person abstract": "understand explain remember discuss forget accept",
        "person spectacle": "watch enjoy leave remember miss like",
        "person occasion": "plan enjoy remember miss",
        "person pet": "feed train catch love wash watch follow chase",
        "person wild": "hear see watch fear follow avoid photograph",
        "person burnable": "light",
        "person bookable": "book",
        "person plant": "water plant cut",
        "person fixture": "open close lock paint repair clean",
        "animal animal": "chase watch follow bite hear avoid fear",
        "animal person": "bite watch follow like love know fear",
        "animal meal": "eat steal like find smell want",
        "person institution": "visit call leave trust",
        "gives": "give show send lend offer bring sell hand",
        "tells": "tell read show",
        "says": "say think know believe hope hear claim remember",
        "asks": "ask wonder know remember",
        "wants": "want try hope plan decide need like begin learn refuse promise",
        "seems": "seem look become feel remain stay",
        "perceives": "see hear watch notice",
        "hurts": "hurt break wash cover",
    }.items()
}

# Not used with be + -ing.
STATIVE = frozenset(
    words("""want need like trust know love admire remember forget understand believe hope seem hear
    fear see notice""")
)

# What people do again and again: fit for the simple present.
HABITUAL = frozenset(
    words("""sleep sing dance swim work run walk travel rest cook read play study drink eat buy wash
    visit feed clean write repair watch water help meet call play practice order drive park
    prepare share chase hide wait""")
)
# What nobody is told to do.
MISHAPS = frozenset(words("lose steal break drop borrow want need hide"))

IRREGULAR: dict[str, tuple[str, str]] = {
    row.split()[0]: (row.split()[1], row.split()[2])
    for row in """
        be was been
        become became become
        begin began begun
        bite bit bitten
        break broke broken
        bring brought brought
        buy bought bought
        catch caught caught
        choose chose chosen
        cut cut cut
        come came come
        do did done
        drink drank drunk
        drive drove driven
        eat ate eaten
        feed fed fed
        feel felt felt
        find found found
        forget forgot forgotten
        give gave given
        go went gone
        have had had
        hear heard heard
        hide hid hidden
        hold held held
        hurt hurt hurt
        keep kept kept
        know knew known
        leave left left
        lend lent lent
        light lit lit
        lose lost lost
        make made made
        mean meant meant
        meet met met
        pay paid paid
        put put put
        read read read
        run ran run
        say said said
        see saw seen
        sell sold sold
        send sent sent
        show showed shown
        shut shut shut
        sing sang sung
        sleep slept slept
        steal stole stolen
        swim swam swum
        take took taken
        tell told told
        think thought thought
        throw threw thrown
        turn turned turned
        understand understood understood
        write wrote written
    """.strip().splitlines()
}

# Regular or irregular verbs that double their last consonant before -ed and -ing.
DOUBLING = frozenset(words("stop drop plan run swim begin forget shut put cut"))

ADJECTIVES: dict[str, tuple[str, ...]] = {
    group: words(text)
    for group, text in {
        "person": """
            tall young old kind clever tired happy sad angry honest rich poor brave quiet polite
            famous strange nervous proud lonely careful lazy friendly busy calm hungry strong
            patient cheerful shy rude
        """,
        "animal": "small large hungry tired wild quick brown black white fierce thirsty gray old",
        "object": """
            small large heavy light broken new old cheap expensive beautiful red blue green yellow
            black white brown empty dirty clean useful ugly pretty orange
        """,
        "meal": "fresh sweet warm cold hot delicious small large",
        "drink": "fresh sweet warm cold hot",
        "place": "large small quiet old beautiful crowded empty dark narrow famous",
        "vehicle": "fast slow old new red blue green white black dirty expensive modern",
        "conveyance": "fast slow old new white crowded modern",
        "abstract": "good bad difficult easy hard strange simple interesting important clear new",
        "event": "long short boring exciting terrible wonderful early late",
        "text": "long short boring exciting strange interesting beautiful famous new",
        "music": "long short sad cheerful beautiful strange famous new",
        "fixture": "small large heavy old new white green back",
        "part": "left right",
        "institution": "large small famous old new",
    }.items()
}
for _group, _like in {
    "kin": "person",
    "profession": "person",
    "role": "person",
    "pet": "animal",
    "wild": "animal",
    "burnable": "object",
    "spectacle": "event",
    "occasion": "event",
}.items():
    ADJECTIVES[_group] = ADJECTIVES[_like]

# No two words of a row describe the same thing.
OPPOSITES: tuple[frozenset[str], ...] = tuple(
    frozenset(words(row))
    for row in """
        young old new modern
        hot cold warm fresh
        small large
        rich poor
        happy sad cheerful angry proud
        fast slow quick
        long short
        dirty clean
        heavy light
        cheap expensive
        good bad terrible wonderful
        easy difficult hard simple clear
        boring exciting interesting terrible wonderful
        beautiful ugly pretty
        crowded empty quiet
        early late
        calm nervous
        polite rude friendly kind
        lazy busy tired
        famous strange
    """.strip().splitlines()
)

# States that come and go: fit for "was", "seemed", "so ... that".
MOODS: tuple[str, ...] = words(
    "tired happy sad angry nervous proud busy calm hungry quiet patient cheerful"
)

# Forms of comparison that are not spelled by rule; None means "more", "most".
COMPARISON: dict[str, tuple[str, str]] = {
    "good": ("better", "best"),
    "bad": ("worse", "worst"),
    "shy": ("shyer", "shyest"),
}
MORE_MOST = frozenset(
    words("""honest famous nervous careful patient cheerful broken expensive beautiful useful
    delicious crowded modern difficult interesting important boring exciting terrible wonderful
    polite tired clever""")
)
# Too strong for "very" and "too".
EXTREME = frozenset(words("terrible wonderful delicious"))
NOT_COMPARED = frozenset(
    words("""
        left right back broken open orange red blue green yellow black white brown gray empty
        wild famous delicious warm
    """)
)

ADVERBS: dict[str, tuple[str, ...]] = {
    group: words(text)
    for group, text in {
        "frequency": "always often never sometimes usually rarely",
        "degree": "very quite rather too really",
        "place": "here there outside inside",
        "stance": "perhaps unfortunately luckily maybe",
    }.items()
}

# How people do what they do, verb by verb.
MANNER: dict[str, tuple[str, ...]] = {
    verb: words(adverbs)
    for verbs, adverbs in {
        "run walk": "fast slowly quickly back away home together",
        "swim": "fast slowly away back",
        "travel": "fast home together back",
        "work study": "hard quietly well carefully late",
        "cook sing dance": "well badly together",
        "play": "well quietly together outside",
        "sleep": "well badly here outside",
        "arrive return": "early late suddenly",
        "laugh shout": "loudly happily suddenly",
        "smile wave": "happily politely sadly",
        "whisper": "softly nervously",
        "cry": "loudly softly quietly",
        "complain": "loudly politely",
        "disappear sneeze": "suddenly",
        "wait rest read dream hide": "quietly here there outside",
    }.items()
    for verb in verbs.split()
}
INTERJECTIONS: tuple[str, ...] = ("oh", "yes", "no", "well", "hey", "okay")
NUMERALS: tuple[str, ...] = words("two three four five six seven eight nine ten twelve")
