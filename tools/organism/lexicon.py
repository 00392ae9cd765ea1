"""Word lists that several grammars share. Every word is one token with the blank before it."""

from __future__ import annotations

# base form: past, -ing form, third person, the person who does it
VERBS: dict[str, tuple[str, str, str, str]] = {
    "paint": ("painted", "painting", "paints", "painter"),
    "write": ("wrote", "writing", "writes", "writer"),
    "sing": ("sang", "singing", "sings", "singer"),
    "bake": ("baked", "baking", "bakes", "baker"),
    "drive": ("drove", "driving", "drives", "driver"),
    "teach": ("taught", "teaching", "teaches", "teacher"),
    "swim": ("swam", "swimming", "swims", "swimmer"),
    "run": ("ran", "running", "runs", "runner"),
    "build": ("built", "building", "builds", "builder"),
    "play": ("played", "playing", "plays", "player"),
    "dance": ("danced", "dancing", "dances", "dancer"),
    "farm": ("farmed", "farming", "farms", "farmer"),
    "hunt": ("hunted", "hunting", "hunts", "hunter"),
    "print": ("printed", "printing", "prints", "printer"),
    "climb": ("climbed", "climbing", "climbs", "climber"),
    "trade": ("traded", "trading", "trades", "trader"),
    "dream": ("dreamed", "dreaming", "dreams", "dreamer"),
    "speak": ("spoke", "speaking", "speaks", "speaker"),
    "lead": ("led", "leading", "leads", "leader"),
    "help": ("helped", "helping", "helps", "helper"),
    "jump": ("jumped", "jumping", "jumps", "jumper"),
    "ride": ("rode", "riding", "rides", "rider"),
    "think": ("thought", "thinking", "thinks", "thinker"),
    "buy": ("bought", "buying", "buys", "buyer"),
    "keep": ("kept", "keeping", "keeps", "keeper"),
}

# plain form: opposite, comparative, superlative, adverb
ADJECTIVES: dict[str, tuple[str, str, str, str]] = {
    "warm": ("cold", "warmer", "warmest", "warmly"),
    "quick": ("slow", "quicker", "quickest", "quickly"),
    "loud": ("quiet", "louder", "loudest", "loudly"),
    "soft": ("hard", "softer", "softest", "softly"),
    "bright": ("dark", "brighter", "brightest", "brightly"),
    "deep": ("shallow", "deeper", "deepest", "deeply"),
    "rich": ("poor", "richer", "richest", "richly"),
    "sweet": ("bitter", "sweeter", "sweetest", "sweetly"),
    "clean": ("dirty", "cleaner", "cleanest", "cleanly"),
    "strong": ("weak", "stronger", "strongest", "strongly"),
    "proud": ("humble", "prouder", "proudest", "proudly"),
    "wise": ("foolish", "wiser", "wisest", "wisely"),
    "brave": ("timid", "braver", "bravest", "bravely"),
    "calm": ("nervous", "calmer", "calmest", "calmly"),
    "kind": ("cruel", "kinder", "kindest", "kindly"),
    "wide": ("narrow", "wider", "widest", "widely"),
    "light": ("heavy", "lighter", "lightest", "lightly"),
    "fresh": ("stale", "fresher", "freshest", "freshly"),
    "smooth": ("rough", "smoother", "smoothest", "smoothly"),
    "sharp": ("dull", "sharper", "sharpest", "sharply"),
    "neat": ("untidy", "neater", "neatest", "neatly"),
    "polite": ("rude", "politer", "politest", "politely"),
}

# animal: plural, young, sound, where it lives
ANIMALS: dict[str, tuple[str, str, str, str]] = {
    "dog": ("dogs", "puppy", "bark", "kennel"),
    "cat": ("cats", "kitten", "meow", "basket"),
    "cow": ("cows", "calf", "moo", "barn"),
    "horse": ("horses", "foal", "neigh", "stable"),
    "goat": ("goats", "kid", "bleat", "shed"),
    "pig": ("pigs", "piglet", "oink", "sty"),
    "hen": ("hens", "chick", "cluck", "coop"),
    "duck": ("ducks", "duckling", "quack", "pond"),
    "goose": ("geese", "gosling", "honk", "lake"),
    "crow": ("crows", "fledgling", "caw", "tree"),
    "bear": ("bears", "cub", "growl", "cave"),
    "wolf": ("wolves", "pup", "howl", "forest"),
    "mouse": ("mice", "pup", "squeak", "hole"),
    "frog": ("frogs", "tadpole", "croak", "swamp"),
    "bee": ("bees", "grub", "buzz", "hive"),
    "lion": ("lions", "cub", "roar", "plain"),
    "snake": ("snakes", "snakelet", "hiss", "burrow"),
    "swan": ("swans", "cygnet", "trumpet", "river"),
    "hawk": ("hawks", "eyas", "scream", "cliff"),
}

COLOURS = ("red", "blue", "green", "yellow", "white", "black", "purple", "pink")
JOBS = (
    "painter", "baker", "teacher", "farmer", "builder", "singer", "hunter", "printer",
    "doctor", "sailor", "miller", "weaver",
)  # fmt: skip
INSTRUMENTS = ("flute", "harp", "drum", "violin", "piano", "trumpet", "guitar", "horn")
DRINKS = ("tea", "milk", "coffee", "cider", "lemonade", "cocoa", "water", "wine")
DISHES = (
    "soup",
    "pancakes",
    "dumplings",
    "stew",
    "noodles",
    "rice",
    "pies",
    "cheese",
    "beans",
    "fish",
    "cake",
    "bread",
)
OBJECTS = (
    "lamp", "book", "chair", "clock", "basket", "kettle", "mirror", "blanket", "ladder", "bucket", "candle", "parasol",
    "letter", "box", "coin", "key", "map", "hat", "coat", "ring", "spoon", "broom", "picture", "bell",
)  # fmt: skip
GIRLS = ("Anna", "Lily", "Rosa", "Clara", "Emma", "Nora", "Ella", "Ida", "Mary", "Sara", "Tilda", "Vera")
BOYS = ("Tom", "Ben", "Max", "Paul", "Jack", "Leo", "Oscar", "Hugo", "Sam", "Peter", "Felix", "Otto")
