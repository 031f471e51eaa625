using System.Numerics;

namespace Module10.Rooms.Art;

/// <summary>What the model understands of a prompt.</summary>
/// <param name="Colors">The colors that it names, as numbers.</param>
/// <param name="Shapes">The shapes that it names, as numbers.</param>
/// <param name="Ignored">Words that mean nothing to the model.</param>
internal sealed record ArtPrompt(IReadOnlyList<int> Colors, IReadOnlyList<int> Shapes, IReadOnlyList<string> Ignored)
{
    private static readonly HashSet<string> _fillers = new(StringComparer.OrdinalIgnoreCase)
        { "a", "an", "the", "of", "in", "on", "and", "or", "with", "please", "draw", "paint", "picture", "image", "painting", "drawing" };

    private static readonly Dictionary<string, string> _meanings = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ball"] = "circle",
        ["disc"] = "circle",
        ["disk"] = "circle",
        ["dot"] = "circle",
        ["round"] = "circle",
        ["sun"] = "yellow circle",
        ["box"] = "square",
        ["block"] = "square",
        ["tile"] = "square",
        ["pyramid"] = "triangle",
        ["tent"] = "triangle",
        ["love"] = "heart",
        ["crescent"] = "moon",
        ["crimson"] = "red",
        ["scarlet"] = "red",
        ["tomato"] = "red circle",
        ["gold"] = "yellow",
        ["golden"] = "yellow",
        ["lime"] = "green",
        ["emerald"] = "green",
        ["sky"] = "blue",
        ["navy"] = "blue",
        ["violet"] = "purple",
        ["lilac"] = "purple",
    };

    /// <summary>Whether it leaves the model free in everything.</summary>
    public bool IsEmpty => Colors.Count == 0 && Shapes.Count == 0;

    /// <summary>What was understood, in words.</summary>
    public string Description => IsEmpty
        ? "anything"
        : $"{(Colors.Count == 0 ? "any color" : string.Join(" or ", Colors.Select(color => DrawnShapes.Colors[color].Name)))}, "
            + (Shapes.Count == 0 ? "any shape" : string.Join(" or ", Shapes.Select(shape => DrawnShapes.Shapes[shape])));

    public static ArtPrompt Read(string text)
    {
        SortedSet<int> colors = [], shapes = [];
        List<string> ignored = [];
        foreach (string word in text.Split([.. text.Where(c => !char.IsLetter(c)).Distinct()], StringSplitOptions.RemoveEmptyEntries))
        {
            if (!Understand(word, colors, shapes) && !_fillers.Contains(word))
                ignored.Add(word);
        }

        return new ArtPrompt([.. colors], [.. shapes], ignored);
    }

    /// <summary>The classes of some images: each combination that the prompt leaves open in turn; null: the model is free.</summary>
    public int[]? Labels(int count)
    {
        if (IsEmpty)
            return null;
        int[] colors = Colors.Count > 0 ? [.. Colors] : [.. Enumerable.Range(0, DrawnShapes.Colors.Length)];
        int[] shapes = Shapes.Count > 0 ? [.. Shapes] : [.. Enumerable.Range(0, DrawnShapes.Shapes.Length)];
        int[] labels = [.. colors.SelectMany(color => shapes.Select(shape => color * DrawnShapes.Shapes.Length + shape))];
        // What is open changes with each image, color and shape at once, and nothing comes again before all have come.
        int stride = Enumerable.Range(shapes.Length + 1, labels.Length).First(n => BigInteger.GreatestCommonDivisor(n, labels.Length) == 1);
        return [.. Enumerable.Range(0, count).Select(i => labels[i * stride % labels.Length])];
    }

    private static bool Understand(string word, SortedSet<int> colors, SortedSet<int> shapes)
    {
        if (_meanings.TryGetValue(word, out string? meaning))
            return meaning.Split(' ').All(part => Understand(part, colors, shapes));
        int color = Array.FindIndex(DrawnShapes.Colors, color => Is(color.Name, word));
        int shape = Array.FindIndex(DrawnShapes.Shapes, shape => Is(shape, word));
        if (color >= 0)
            colors.Add(color);
        if (shape >= 0)
            shapes.Add(shape);
        if (color >= 0 || shape >= 0)
            return true;
        return word.EndsWith('s') && Understand(word[..^1], colors, shapes);
    }

    private static bool Is(string name, string word) => string.Equals(name, word, StringComparison.OrdinalIgnoreCase);
}
