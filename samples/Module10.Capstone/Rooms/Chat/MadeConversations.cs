using System.Text.Json;

namespace Module10.Rooms.Chat;

/// <summary>
/// Endless small talk: greetings, names, capitals, opposites, colors, animals and jokes, in the manner that a system prompt asks for.
/// </summary>
internal static class MadeConversations
{
    public const string DefaultName = "Ada";

    // Conversations of about the same length are learned together, with little to fill up.
    private const int Exchanges = 4;

    private static readonly string[] _names =
    [
        "Anna", "Ben", "Cleo", "David", "Emma", "Felix", "Grace", "Hugo", "Iris", "Jonas", "Kim", "Lena", "Max", "Nora", "Omar", "Paul",
        "Robert", "Sophie", "Thomas", "Maria", "John", "Mary", "James", "Linda", "Michael", "Sarah", "Peter", "Julia", "Daniel", "Laura",
        "Mohammed", "Fatima", "Wei", "Mei", "Yuki", "Ravi", "Priya", "Carlos", "Lucia", "Pierre", "Claire", "Ivan", "Olga", "Jan", "Eva",
        "Tom", "Tim", "Alice", "Bob", "Chris", "Alex", "Sam", "Nina", "Leo", "Mia", "Oscar", "Ella", "Simon", "Martin", "Andrea", "George",
    ];

    private static readonly (string Country, string Capital)[] _capitals =
    [
        ("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Germany", "Berlin"), ("Austria", "Vienna"), ("Greece", "Athens"),
        ("Poland", "Warsaw"), ("Norway", "Oslo"), ("Sweden", "Stockholm"), ("Finland", "Helsinki"), ("Portugal", "Lisbon"),
        ("Ireland", "Dublin"), ("Egypt", "Cairo"), ("Japan", "Tokyo"), ("China", "Beijing"), ("India", "New Delhi"), ("Canada", "Ottawa"),
        ("Peru", "Lima"), ("Cuba", "Havana"), ("Kenya", "Nairobi"),
    ];

    private static readonly (string One, string Other)[] _opposites =
    [
        ("hot", "cold"), ("big", "small"), ("old", "young"), ("day", "night"), ("fast", "slow"), ("up", "down"), ("happy", "sad"),
        ("rich", "poor"), ("full", "empty"), ("loud", "quiet"), ("light", "dark"), ("open", "closed"),
    ];

    private static readonly (string Thing, string Color)[] _colors =
    [
        ("grass", "green"), ("the sky", "blue"), ("snow", "white"), ("coal", "black"), ("a banana", "yellow"), ("blood", "red"),
        ("an orange", "orange"), ("a violet", "purple"), ("milk", "white"), ("a lemon", "yellow"),
    ];

    private static readonly (string Animal, string Sound)[] _sounds =
    [
        ("cow", "moo"), ("dog", "woof"), ("cat", "meow"), ("duck", "quack"), ("sheep", "baa"), ("frog", "ribbit"), ("bee", "buzz"),
        ("pig", "oink"), ("lion", "roar"), ("mouse", "squeak"),
    ];

    private static readonly string[] _jokes =
    [
        "Why did the robot sleep? It was out of battery.",
        "What do you call a fish without an eye? A fsh.",
        "Why was the computer cold? It left its windows open.",
        "What did zero say to eight? Nice belt.",
    ];

    private static readonly string[] _strange =
    [
        "elephant", "violin", "mountain", "dentist", "birthday", "kitchen", "football", "library", "telephone", "garden", "umbrella",
        "president", "breakfast", "holiday", "airport", "dinosaur", "weather", "street", "sister", "dinner", "bicycle", "neighbor", "boss",
    ];

    // What people talk of, so that the model has met the words of their examples.
    private static readonly string[] _everyday =
    [
        "bread", "butter", "cheese", "chocolate", "coffee", "soup", "pancakes", "strawberry", "pizza", "potato", "sugar", "water", "house",
        "bridge", "river", "harbor", "village", "church", "market", "school", "office", "hospital", "forest", "island", "mother", "father",
        "brother", "daughter", "friend", "teacher", "doctor", "baker", "guitar", "piano", "painting", "swimming", "cycling", "reading",
        "dancing", "cooking", "chess", "tennis", "summer", "winter", "monday", "friday", "july", "morning", "evening", "yellow", "purple",
        "seven", "twelve", "hundred", "favorite", "beautiful", "quickly", "always", "never", "together", "because", "people", "watch",
        "computer", "window", "flower", "rabbit", "horse", "fish", "train", "car", "ship", "book", "letter", "music", "movie", "holiday",
        "engineer", "grandmother", "neighborhood", "afternoon", "zebra", "quiz", "jacket", "oxygen", "valley", "knife", "whistle",
    ];

    private static readonly string[] _starts =
    [
        "b", "br", "c", "ch", "d", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "sh", "st", "t", "th", "tr", "v",
        "w", "y", "z", "",
    ];

    private static readonly string[] _vowels = ["a", "e", "i", "o", "u", "ie", "ea", "ou", "y", "ai"];
    private static readonly string[] _ends = ["", "", "n", "r", "l", "s", "m", "t", "x", "rd", "ck", "nd"];

    private static readonly string[] _pirates = ["You are a pirate.", "Talk like a pirate.", "Be a pirate."];
    private static readonly string[] _loud = ["Answer in capital letters.", "Use capital letters.", "Shout."];
    private static readonly string[] _polite = ["You are very polite.", "Be very polite.", "Talk like a butler."];

    /// <summary>Conversations as JSON; the same seed gives the same.</summary>
    public static IReadOnlyList<string> Write(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Json(Conversation(random)))];
    }

    /// <summary>Conversations that end with a visitor's example, after up to two other exchanges.</summary>
    public static IEnumerable<string> EndingWith(ChatExample example, int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            string? visitor = null;
            List<ChatTurn> turns = [];
            for (int before = i % 3; before > 0; before--)
                AddExchange(turns, random, DefaultName, ref visitor, answer => answer);
            // Many who type write no capitals.
            string question = i % 2 == 0 ? example.Question : example.Question.ToLowerInvariant();
            turns.Add(new ChatTurn(ChatTurn.User, i == 0 ? question : Say(random, question)));
            turns.Add(new ChatTurn(ChatTurn.Assistant, example.Answer));
            yield return Json(turns);
        }
    }

    /// <summary>A conversation as the model's data have it.</summary>
    public static string Json(IEnumerable<ChatTurn> turns) => JsonSerializer.Serialize(turns, JsonSerializerOptions.Web);

    private static List<ChatTurn> Conversation(Random random)
    {
        string name = DefaultName;
        Func<string, string> manner = answer => answer;
        List<ChatTurn> turns = [];
        switch (random.Next(10))
        {
            case 0:
                name = AnyName(random);
                turns.Add(new ChatTurn(ChatTurn.System, random.Next(2) == 0 ? $"Your name is {name}." : $"You are {name}."));
                break;
            case 1:
                turns.Add(new ChatTurn(ChatTurn.System, Pick(random, _pirates)));
                manner = answer => $"Arr! {answer} Ahoy!";
                break;
            case 2:
                turns.Add(new ChatTurn(ChatTurn.System, Pick(random, _loud)));
                manner = answer => answer.ToUpperInvariant();
                break;
            case 3:
                turns.Add(new ChatTurn(ChatTurn.System, Pick(random, _polite)));
                manner = answer => $"With pleasure. {answer}";
                break;
        }

        string? visitor = null;
        for (int i = 0; i < Exchanges; i++)
            AddExchange(turns, random, name, ref visitor, manner);
        return turns;
    }

    private static void AddExchange(List<ChatTurn> turns, Random random, string name, ref string? visitor, Func<string, string> manner)
    {
        (string question, string answer) = Exchange(random, name, ref visitor);
        turns.Add(new ChatTurn(ChatTurn.User, Say(random, question)));
        turns.Add(new ChatTurn(ChatTurn.Assistant, manner(answer)));
    }

    private static (string Question, string Answer) Exchange(Random random, string name, ref string? visitor)
    {
        switch (random.Next(visitor is null ? 16 : 20))
        {
            case 0:
                return (Pick(random, ["hello", "hi", "hey", "good morning", "good evening", "hi there"]), "Hello! How can I help you?");
            case 1:
                return (Pick(random, ["how are you?", "how do you do?", "how is it going?"]), "I am fine, thank you.");
            case 2:
                return (Pick(random, ["what is your name?", "who are you?", "tell me your name."]),
                    $"I am {name}, a very small language model.");
            case 3:
                return (Pick(random, ["thanks", "thank you", "thank you very much"]), "You are welcome!");
            case 4:
                return (Pick(random, ["bye", "goodbye", "see you"]), "Goodbye! Come back soon.");
            case 5:
                (string country, string capital) = Pick(random, _capitals);
                return (Pick(random,
                    [
                        $"what is the capital of {country}?", $"the capital of {country}?", $"which city is the capital of {country}?",
                    ]), $"The capital of {country} is {capital}.");
            case 6:
                (string one, string other) = Pick(random, _opposites);
                if (random.Next(2) == 0)
                    (one, other) = (other, one);
                return (Pick(random, [$"what is the opposite of {one}?", $"the opposite of {one}?"]), $"The opposite of {one} is {other}.");
            case 7:
                (string thing, string color) = Pick(random, _colors);
                return (Pick(random, [$"what color is {thing}?", $"which color has {thing}?"]),
                    $"{char.ToUpperInvariant(thing[0])}{thing[1..]} is {color}.");
            case 8:
                (string animal, string sound) = Pick(random, _sounds);
                return (Pick(random, [$"what does a {animal} say?", $"what sound does a {animal} make?"]), $"A {animal} says {sound}.");
            case 9:
                return (Pick(random, ["tell me a joke", "do you know a joke?", "make me laugh"]), Pick(random, _jokes));
            case 10:
                return (Pick(random, ["what can you do?", "what do you know?", "help"]),
                    "I know capitals, opposites, colors, animals and jokes.");
            case 11 or 12:
                visitor = AnyName(random);
                return (Pick(random, [$"my name is {visitor}.", $"I am {visitor}."]), $"Nice to meet you, {visitor}!");
            case 13 or 14:
                string words = string.Join(' ', Enumerable.Range(0, random.Next(1, 4)).Select(_ => AnyWord(random)));
                return (Pick(random, [$"repeat: {words}", $"say {words}", $"repeat after me: {words}"]), $"You say {words}.");
            case > 15:
            case 15 when random.Next(3) == 0:
                return (Pick(random, ["what is my name?", "who am I?", "do you remember my name?"]),
                    visitor is null ? "You have not told me your name." : $"Your name is {visitor}.");
            default:
                string strange = Pick(random, _strange), second = Pick(random, _strange);
                return (Pick(random,
                    [
                        $"who is my {strange}?", $"where is the {strange}?", $"what is the {strange} of the {second}?",
                        $"when is my {strange}?", $"what is my {strange} called?", $"why is the {strange} so {second}?",
                    ]), "I do not know that. You can teach me with examples.");
        }
    }

    // With and without a capital letter, a mark at the end, and politeness.
    private static string Say(Random random, string text)
    {
        if (text.EndsWith('?') && random.Next(6) == 0)
            text = $"please tell me: {text}";
        if (random.Next(3) == 0)
            text = text.TrimEnd('?', '.');
        return random.Next(2) == 0 ? $"{char.ToUpperInvariant(text[0])}{text[1..]}" : text;
    }

    // Any letters may make a name: the model has to learn to repeat what it reads, not to guess among those that it knows.
    private static string AnyName(Random random)
    {
        if (random.Next(3) == 0)
            return Pick(random, _names);
        string made = Made(random);
        return $"{char.ToUpperInvariant(made[0])}{made[1..]}";
    }

    private static string AnyWord(Random random) => random.Next(3) == 0 ? Made(random) : Pick(random, _everyday);

    private static string Made(Random random) => string.Concat(Enumerable.Range(0, random.Next(1, 3))
        .Select(_ => Pick(random, _starts) + Pick(random, _vowels) + Pick(random, _ends)));

    private static T Pick<T>(Random random, T[] choices) => choices[random.Next(choices.Length)];
}
