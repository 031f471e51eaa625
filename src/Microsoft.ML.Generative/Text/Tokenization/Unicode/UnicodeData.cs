using System.Globalization;

namespace Microsoft.ML.Generative.Text.Tokenization.Unicode;

/// <summary>
/// The properties of characters that normalization needs, from normalization.txt, which eng/make-normalization-table.sh makes.
/// </summary>
internal sealed class UnicodeData
{
    private const string Resource = "Microsoft.ML.Generative.normalization.txt";

    private static readonly Lazy<UnicodeData> _instance = new(() => new UnicodeData());

    private readonly Dictionary<int, int[]> _canonical = [];
    private readonly Dictionary<int, int[]> _compatibility = [];
    private readonly Dictionary<int, byte> _classes = [];
    private readonly Dictionary<(int First, int Second), int> _compositions = [];

    private UnicodeData()
    {
        using Stream stream = typeof(UnicodeData).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The assembly lacks its resource '{Resource}'.");
        using var reader = new StreamReader(stream);
        Dictionary<int, int[]> canonical = [];
        Dictionary<int, int[]> compatibility = [];
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            string[] parts = line.Split(' ');
            if (parts[1] is not ("=" or "!" or "~"))
            {
                for (int code = Code(parts[1]); code <= Code(parts[2]); code++)
                    _classes.Add(code, byte.Parse(parts[0], CultureInfo.InvariantCulture));
                continue;
            }

            int composed = Code(parts[0]);
            int[] decomposed = [.. parts[2..].Select(Code)];
            (parts[1] == "~" ? compatibility : canonical).Add(composed, decomposed);
            if (parts[1] == "=")
                _compositions.Add((decomposed[0], decomposed[1]), composed);
        }

        foreach (int code in canonical.Keys)
            _canonical.Add(code, [.. Expand(code, canonical)]);
        Dictionary<int, int[]> all = new(canonical.Concat(compatibility));
        foreach (int code in all.Keys)
            _compatibility.Add(code, [.. Expand(code, all)]);
    }

    public static UnicodeData Instance => _instance.Value;

    /// <summary>The full decomposition of a character, or null; Hangul syllables aside.</summary>
    public int[]? Decomposition(int code, bool compatibility) => (compatibility ? _compatibility : _canonical).GetValueOrDefault(code);

    /// <summary>The canonical combining class: the order of marks on a character; 0 for other characters.</summary>
    public int CombiningClass(int code) => _classes.GetValueOrDefault(code);

    /// <summary>The character that two compose, or null; Hangul syllables aside.</summary>
    public int? Composition(int first, int second) => _compositions.TryGetValue((first, second), out int composed) ? composed : null;

    private static int Code(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static IEnumerable<int> Expand(int code, Dictionary<int, int[]> decompositions) =>
        decompositions.TryGetValue(code, out int[]? parts) ? parts.SelectMany(part => Expand(part, decompositions)) : [code];
}
