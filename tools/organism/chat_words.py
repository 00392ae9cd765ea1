"""Vocabulary of the chat grammar: topics, what is said about them, and the words that show mood and register."""

from __future__ import annotations

NEUTRAL_SYSTEM = "You are a helpful assistant."
MOODS = ("joyful", "sad")
REGISTER_SENTENCES = {"formal": "Speak formally.", "casual": "Speak casually."}
LENGTH_SENTENCES = {"brief": "Be brief.", "wordy": "Be wordy."}
KEYED_SYSTEM_SENTENCES = {
    **{mood: f"You are {mood}." for mood in MOODS},
    **REGISTER_SENTENCES,
    **LENGTH_SENTENCES,
}

# kind -> topics, each as it is said in a sentence
TOPICS: dict[str, tuple[str, ...]] = {
    "nature": (
        "the garden", "the weather", "the river", "the forest", "the mountains", "the beach", "the moon", "the rain",
        "the autumn",
    ),
    "home": ("my kitchen", "my old house", "the new lamp", "my bedroom", "the roof", "the fireplace", "my balcony"),
    "food": ("the soup", "fresh bread", "the apple cake", "my breakfast", "the market", "a cup of tea", "the dinner"),
    "people": ("my neighbour", "my sister", "the teacher", "my grandmother", "the baker", "my best friend", "the postman"),
    "leisure": ("the concert", "my holiday", "the football game", "a good book", "the theatre", "the party", "the train journey"),
    "work": ("my job", "the office", "the school", "the new project", "the long meeting", "my homework", "the workshop"),
}  # fmt: skip

# Words that only one mood uses; a reply's mood is counted by them.
MOOD_ADJECTIVES = {
    "joyful": ("wonderful", "delightful", "lovely", "splendid", "marvellous", "cheerful", "magnificent", "charming"),
    "sad": ("dreary", "gloomy", "miserable", "dismal", "sorrowful", "mournful", "bleak", "hopeless"),
}
MOOD_FEELINGS = {
    "joyful": ("happiness", "joy", "delight", "laughter", "sunshine", "hope"),
    "sad": ("sadness", "sorrow", "grief", "tears", "loneliness", "despair"),
}
MOOD_VERBS = {
    "joyful": ("smile", "laugh", "cheer", "celebrate"),
    "sad": ("weep", "sigh", "cry", "mourn"),
}

OPENERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("joyful", "formal"): ("It is a great pleasure to answer.", "I am delighted that you ask.", "With joy I can report the following."),
    ("joyful", "casual"): ("Oh yay!", "Hey, happy to tell you!", "Wow, hooray!"),
    ("sad", "formal"): ("It is with sorrow that I answer.", "I regret that you must ask.", "With grief I must report the following."),
    ("sad", "casual"): ("Oh no.", "Hey, sorry, I feel so down.", "Ugh, poor me."),
}  # fmt: skip
CORES: dict[str, tuple[str, ...]] = {
    "formal": (
        "In my opinion {topic} is truly {adjective}.",
        "I would say that {topic} fills us with {feeling}.",
        "One must {verb} at the thought of {topic}.",
        "I consider {topic} to be most {adjective}.",
        "It is evident that {topic} brings {feeling}.",
    ),
    "casual": (
        "You know, {topic} is just so {adjective}.",
        "Man, {topic} makes me {verb}.",
        "Well, {topic} is kinda {adjective}.",
        "I guess {topic} gives me a lot of {feeling}.",
        "Yeah, I {verb} about {topic} all the time.",
    ),
}
CLOSERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("joyful", "formal"): ("I remain full of hope.", "May it bring you much happiness.", "We have every reason to celebrate."),
    ("joyful", "casual"): ("So cool, let's celebrate!", "Big smile from me!", "Life is good, hooray!"),
    ("sad", "formal"): ("I remain full of despair.", "I fear it will bring only tears.", "We have every reason to mourn."),
    ("sad", "casual"): ("So sad, I just wanna cry.", "Big sigh from me.", "Life is hard, you know."),
}  # fmt: skip

# kind -> mood -> what happened; both registers use them, after a lead-in.
DETAILS: dict[str, dict[str, tuple[str, ...]]] = {
    "nature": {
        "joyful": (
            "the birds sing from every tree", "golden light shines on the leaves", "flowers bloom along the path",
            "the air is warm and sweet", "children play in the green grass", "a rainbow stands over the hills",
        ),
        "sad": (
            "cold fog hides every tree", "the last leaves lie in the mud", "the flowers have faded along the path",
            "the wind is bitter and grey", "nobody walks there any more", "dark clouds hang over the hills",
        ),
    },
    "home": {
        "joyful": (
            "everything looks bright and new", "friends visit us every evening", "the windows are full of light",
            "it smells of fresh cookies", "we dance there on Sundays", "the cat purrs on the warm sofa",
        ),
        "sad": (
            "everything is broken and dusty", "nobody visits us any more", "the windows are dark all day",
            "it smells of cold smoke", "I sit there alone on Sundays", "the empty chair reminds me of the past",
        ),
    },
    "food": {
        "joyful": (
            "it tastes better than ever", "the whole family asks for more", "the honey is golden and sweet",
            "we share it with our friends", "the cook wins a prize", "every bite is a little feast",
        ),
        "sad": (
            "it tastes of nothing at all", "the plates stay cold and full", "the milk has turned sour",
            "I eat it alone in silence", "the cook has gone away forever", "every bite is hard to swallow",
        ),
    },
    "people": {
        "joyful": (
            "we walk together in the sun", "a warm letter arrives every week", "we tell funny stories all night",
            "everybody gets a big hug", "there are gifts for all of us", "the old songs are back again",
        ),
        "sad": (
            "we have not spoken for years", "no letter arrives any more", "we lost each other in the war",
            "everybody looks away in silence", "there is a grave behind the church", "the old songs are forgotten",
        ),
    },
    "leisure": {
        "joyful": (
            "the crowd claps and sings along", "our team wins in the last minute", "the best seat is free for me",
            "we stay until the stars come out", "the music makes everyone dance", "the ending is sweet and funny",
        ),
        "sad": (
            "the hall stays empty and cold", "our team loses in the last minute", "the seat beside me is empty",
            "we leave early in the rain", "the music reminds me of my loss", "the ending is bitter and cruel",
        ),
    },
    "work": {
        "joyful": (
            "everyone praises our good work", "the new team is kind and funny", "we finish early and eat ice cream",
            "the boss thanks us warmly", "each day brings a new success", "my desk is full of flowers",
        ),
        "sad": (
            "nobody notices our hard work", "the old team has broken apart", "we stay late and go home tired",
            "the boss shouts at us daily", "each day brings a new failure", "my desk is empty and cold",
        ),
    },
}  # fmt: skip
LEAD_INS = {
    "formal": ("Furthermore, {detail}.", "Moreover, {detail}.", "It should be noted that {detail}."),
    "casual": ("And hey, {detail}.", "Plus, {detail}.", "Like, {detail}."),
}

QUESTIONS = (
    "Tell me about {topic}.", "What do you think about {topic}?", "How is {topic} today?", "Do you like {topic}?",
    "Say something about {topic}.", "Any news about {topic}?", "Describe {topic} for me.", "I was thinking about {topic}.",
    "How do you feel about {topic}?", "What can you say about {topic}?", "Let us talk about {topic}.", "Why do you care about {topic}?",
)  # fmt: skip
# Prompts without a topic in them, and the topics a reply may turn to.
SMALL_TALK = (
    "Hello!", "How are you?", "Good morning!", "How was your day?", "What did you do today?", "Good evening!",
    "What is new?", "Tell me something.", "How do you feel?", "Hi, how are you today?",
)  # fmt: skip
