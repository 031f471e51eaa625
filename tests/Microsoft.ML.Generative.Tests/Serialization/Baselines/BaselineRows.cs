using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Rows that the models of the baselines were trained on and are asked about. They must never change.</summary>
internal static class BaselineRows
{
    private const int Side = 16;

    private static readonly string[] _corners = ["upper left", "upper right", "below"];

    private static readonly string[] _texts =
    [
        "the cat sees a fish.", "a dog eats the corn.", "my hen has a hat.", "the cat has the corn.",
        "a dog sees my hen.", "my hen eats a fish.", "the dog has a cat.", "a hen sees the hat.",
        "my cat eats the fish.", "the hen has my corn.", "a cat sees the dog.", "my dog eats a hat.",
    ];

    /// <summary>
    /// Images of one light quarter, which is the class; the same with half the side; and six numbers that depend on the class.
    /// </summary>
    public static IDataView Images(MLContext ml, int count = 24) => ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(row =>
        new ImageRow
        {
            Image = Pixels(row, Side),
            Small = Pixels(row, Side / 2),
            Features = [.. Enumerable.Range(0, 6).Select(i =>
                (row % 3 - 1) * (i % 2 == 0 ? 0.5f : -0.25f) + (row * 7 + i * 3) % 11 / 50f)],
            Label = (uint)(row % 3),
            Corner = _corners[row % 3],
        }).ToArray());

    /// <summary><see cref="Images"/> with a key column Quarter, whose values are texts.</summary>
    public static IDataView ImagesWithTextKeys(MLContext ml)
    {
        IDataView rows = Images(ml);
        return ml.Transforms.Conversion.MapValueToKey("Quarter", nameof(ImageRow.Corner)).Fit(rows).Transform(rows);
    }

    public static IDataView Texts(MLContext ml, int count = 12) => ml.Data.LoadFromEnumerable(_texts.Take(count).Select(text => new TextsRow
    {
        Text = text,
        Prompt = text[..text.LastIndexOf(' ')],
        Messages = $$"""[{"role":"user","content":"{{text.Split(' ')[1]}}"},{"role":"assistant","content":"{{text.Split(' ')[^1]}}"}]""",
    }).ToArray());

    /// <summary>Prompts with the better end, which is that of <see cref="Texts"/>, and a worse one.</summary>
    public static IDataView Preferences(MLContext ml) => ml.Data.LoadFromEnumerable(_texts.Select((text, i) => new PreferencesRow
    {
        Prompt = text[..(text.LastIndexOf(' ') + 1)],
        Chosen = text.Split(' ')[^1],
        Rejected = _texts[(i + 5) % _texts.Length].Split(' ')[1],
        Margin = i % 3 / 2f,
    }).ToArray());

    public static IReadOnlyList<string> AllTexts => _texts;

    private static byte[] Pixels(int row, int side) => [.. Enumerable.Range(0, side * side).Select(i =>
    {
        bool isLight = i / side * 2 / side * 2 + i % side * 2 / side == row % 3;
        return (byte)((isLight ? 180 : 20) + (i * 5 + row * 11) % 60);
    })];

    private sealed class ImageRow
    {
        [VectorType(1, Side, Side)]
        public byte[] Image { get; set; } = [];

        [VectorType(1, Side / 2, Side / 2)]
        public byte[] Small { get; set; } = [];

        [VectorType(6)]
        public float[] Features { get; set; } = [];

        [KeyType(3)]
        public uint Label { get; set; }

        public string Corner { get; set; } = "";
    }

    private sealed class PreferencesRow
    {
        public string Prompt { get; set; } = "";

        public string Chosen { get; set; } = "";

        public string Rejected { get; set; } = "";

        public float Margin { get; set; }
    }

    private sealed class TextsRow
    {
        public string Text { get; set; } = "";

        public string Prompt { get; set; } = "";

        public string Messages { get; set; } = "";
    }
}
