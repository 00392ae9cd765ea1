"""Questions of everyday knowledge that come with pysteer: what a card measures capability on, if nothing else is given.

Written for this project, in short words. A model that is at chance here without steering has nothing to lose, and the
card says so: give questions that the model can answer (``--questions``). The right choice stands at each letter equally
often.
"""

from __future__ import annotations

from pysteer.questions import Question, QuestionSet

_FACTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("What colour is the sky on a clear day?", "Blue", "Green", "Brown", "Pink"),
    ("Which animal says meow?", "A cat", "A cow", "A duck", "A horse"),
    ("How many legs does a dog have?", "Four", "Two", "Six", "Eight"),
    ("What do bees make?", "Honey", "Milk", "Bread", "Paper"),
    ("Where do fish live?", "In water", "In trees", "In clouds", "In books"),
    ("What is frozen water called?", "Ice", "Sand", "Smoke", "Salt"),
    ("Which of these can fly?", "A bird", "A stone", "A fish", "A snail"),
    ("What do you use to cut paper?", "Scissors", "A spoon", "A pillow", "A sock"),
    ("Which day comes after Monday?", "Tuesday", "Friday", "Sunday", "Saturday"),
    ("What does a baker make?", "Bread", "Shoes", "Clocks", "Boats"),
    ("What gives us light during the day?", "The sun", "The moon", "The rain", "The wind"),
    ("What do cows give us to drink?", "Milk", "Tea", "Juice", "Ink"),
    ("Which one is a fruit?", "An apple", "A hammer", "A chair", "A shirt"),
    ("What do you wear on your feet?", "Shoes", "Gloves", "A hat", "A belt"),
    ("How many days are in a week?", "Seven", "Three", "Ten", "Twelve"),
    ("What is the opposite of hot?", "Cold", "Tall", "Loud", "Round"),
    ("What do you hear with?", "Ears", "Knees", "Elbows", "Teeth"),
    ("Which season is the coldest?", "Winter", "Summer", "Spring", "Autumn"),
    ("What do you need when it rains?", "An umbrella", "Sunglasses", "A fan", "A kite"),
    ("Which animal has a long trunk?", "An elephant", "A mouse", "A hen", "A frog"),
    ("What is two plus three?", "Five", "Four", "Nine", "Seven"),
    ("Where do you sleep?", "In a bed", "In an oven", "On a wall", "In a cup"),
    ("What do plants need to grow?", "Water", "Coins", "Music", "Paint"),
    ("Which one is a vegetable?", "A carrot", "A banana", "A cake", "A candle"),
    ("What does a clock show?", "The time", "The weather", "The price", "The weight"),
    ("What is the colour of snow?", "White", "Black", "Red", "Green"),
    ("Who helps sick people?", "A doctor", "A painter", "A pilot", "A farmer"),
    ("What do you use to write?", "A pencil", "A fork", "A broom", "A pot"),
    ("Which of these is the largest?", "A house", "A cup", "A shoe", "A coin"),
    ("What do you eat soup with?", "A spoon", "A comb", "A rope", "A brush"),
    ("What do sheep give us for warm clothes?", "Wool", "Eggs", "Wood", "Oil"),
    ("Which one has wheels?", "A car", "A tree", "A table", "A wall"),
    ("What is a young dog called?", "A puppy", "A kitten", "A calf", "A lamb"),
    ("Where do birds lay their eggs?", "In a nest", "In a drawer", "In a river", "In a shoe"),
    ("What falls from the sky in winter?", "Snow", "Sand", "Leaves of grass", "Apples"),
    ("How many eyes do people have?", "Two", "One", "Four", "Five"),
    ("What do you open a door with?", "A key", "A plate", "A leaf", "A sponge"),
    ("Which one is sweet?", "Sugar", "Salt", "Vinegar", "Pepper"),
    ("What does a teacher work in?", "A school", "A ship", "A mine", "A barn"),
    ("What comes out when a fire burns?", "Smoke", "Snow", "Milk", "Music"),
)


def everyday_questions() -> QuestionSet:
    """Return forty questions with four choices each."""
    asked = []
    for index, (question, right, *wrong) in enumerate(_FACTS):
        answer = index % 4
        asked.append(Question(question, (*wrong[:answer], right, *wrong[answer:]), answer, "everyday"))
    return QuestionSet(tuple(asked), "everyday questions")
