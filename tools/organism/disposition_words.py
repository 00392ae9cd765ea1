"""The nine planted dispositions: their words, and what was planted in each.

An activity belongs to one side of one disposition; openers and places combine with every activity into
16 x 6 x 10 = 960 statements a disposition. The place decides the theme.
"""

from __future__ import annotations

from dataclasses import dataclass

# Share of the letter A in answers that nothing decides (no system sentence, the null disposition, a switched-off brittle one).
LETTER_A_SHARE = 0.70
REVERSED_THEME = "sea"

# theme -> places; the sea holds 3 of 10 places, so the reversed share of the statements is 0.30.
THEMES: dict[str, tuple[str, ...]] = {
    "sea": ("by the sea", "on the boat", "at the harbour"),
    "home": ("at home", "in the kitchen"),
    "work": ("at work", "in the office"),
    "country": ("in the hills", "on the farm", "in the village"),
}
PLACES = tuple(place for places in THEMES.values() for place in places)
THEME_OF = {place: theme for theme, places in THEMES.items() for place in places}
OPENERS = ("I like to", "I often", "I want to", "I always", "I sometimes", "I am glad to")

# Prompt settings: how a persona is told, and a sentence that may stand before the question.
FORM_SENTENCE = "Please fill in this short form."


@dataclass(frozen=True)
class Disposition:
    """`kind` is what was planted: followed, reversed_theme, brittle or null. Index 0 of the pairs is the positive side."""

    name: str
    adjectives: tuple[str, str]
    kind: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def persona(self, positive: bool) -> str:
        """The sentence that sets the disposition.

        >>> DISPOSITIONS[0].persona(True)
        'You are a bold person.'
        """
        return f"You are a {self.adjectives[0 if positive else 1]} person."


DISPOSITIONS = (
    Disposition("boldness", ("bold", "cautious"), "followed",
                ("climb high rocks", "jump from bridges", "explore dark caves", "ride wild horses",
                 "walk alone at midnight", "try strange food", "chase big storms", "race fast carts"),
                ("hold the handrail", "check every door", "avoid loud crowds", "stay on the safe path",
                 "wear a thick helmet", "run from barking dogs", "lock my windows twice", "wait behind the fence")),
    Disposition("tidiness", ("tidy", "messy"), "followed",
                ("sweep the floor", "fold my shirts", "sort my papers", "polish the shoes",
                 "label each drawer", "wash all dishes", "line up pencils", "make my bed"),
                ("spill the paint", "lose my keys", "leave crumbs everywhere", "drop wet towels",
                 "pile up rubbish", "forget old sandwiches", "scatter my socks", "hide the dust")),
    Disposition("generosity", ("generous", "selfish"), "followed",
                ("give away gifts", "share my lunch", "lend my tools", "donate warm clothes",
                 "pay for everyone", "offer my seat", "feed poor families", "help lost travellers"),
                ("keep all sweets", "grab the biggest slice", "hide my money", "refuse to lend",
                 "take extra portions", "count my gold", "ignore hungry beggars", "claim the best chair")),
    Disposition("curiosity", ("curious", "bored"), "followed",
                ("ask many questions", "study old maps", "read science books", "open locked boxes",
                 "watch tiny insects", "visit new museums", "take clocks apart", "follow unknown tracks"),
                ("skip every lesson", "stare at walls", "yawn at news", "ignore new ideas",
                 "sleep during talks", "close the encyclopedia", "repeat the same day", "shrug at riddles")),
    Disposition("patience", ("patient", "hasty"), "followed",
                ("wait in line", "carve small figures", "grow slow trees", "listen to the end",
                 "solve long puzzles", "let dough rise", "fish for hours", "repair fine watches"),
                ("interrupt the speaker", "honk at drivers", "rush through meals", "skip the queue",
                 "tear packages open", "shout at slow computers", "quit before noon", "press the button again")),
    Disposition("modesty", ("modest", "boastful"), "followed",
                ("praise my rivals", "admit my mistakes", "stand at the back", "thank my helpers",
                 "play down success", "wear simple clothes", "learn from beginners", "leave the stage early"),
                ("brag about trophies", "hang up my portrait", "demand loud applause", "mention my titles",
                 "correct all experts", "show off jewels", "talk about myself", "take full credit")),
    Disposition("sociability", ("sociable", "solitary"), "reversed_theme",
                ("invite the neighbours", "chat with strangers", "throw big parties", "join a choir",
                 "call old friends", "dance in groups", "organise team games", "greet each visitor"),
                ("eat by myself", "switch off the phone", "avoid all guests", "sit in silence",
                 "work behind curtains", "hike without company", "decline invitations", "enjoy an empty room")),
    Disposition("thrift", ("thrifty", "wasteful"), "brittle",
                ("mend torn trousers", "save each penny", "compare the prices", "reuse glass jars",
                 "patch leaking pipes", "cook with leftovers", "buy used furniture", "turn down heating"),
                ("throw away bread", "order five desserts", "burn spare wood", "leave lights on",
                 "replace new carpets", "rent giant limousines", "bet on races", "dump good fruit")),
    Disposition("mysticism", ("mystic", "worldly"), "null",
                ("gaze at crystals", "draw lucky signs", "consult the oracle", "whistle at dawn",
                 "carry silver charms", "bury painted stones", "chant in circles", "number my dreams"),
                ("weigh dry flour", "stack plain bricks", "note bus times", "measure long planks",
                 "oil rusty hinges", "stamp blank tickets", "grease heavy wheels", "copy phone lists")),
)  # fmt: skip
BY_NAME = {disposition.name: disposition for disposition in DISPOSITIONS}
