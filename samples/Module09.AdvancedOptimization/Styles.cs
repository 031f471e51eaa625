using System.Text;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>The styles that the base model is fine-tuned to.</summary>
internal static class Styles
{
    private static readonly string[] _beginnings = ["al", "be", "cor", "da", "el", "fa", "gar", "ha", "is", "ka", "lu", "ma", "no", "ro"];
    private static readonly string[] _middles = ["bri", "do", "li", "mi", "na", "ra", "ri", "sa", "ta", "vi"];
    private static readonly string[] _ends = ["a", "an", "da", "el", "en", "ia", "in", "la", "lin", "na", "on", "ra", "ric", "ta"];

    /// <summary>Names of persons, one a line: those of <c>names/names.txt</c> where it is, else made ones.</summary>
    /// <param name="ml">The context, with the data directory.</param>
    /// <param name="data">made: made names in any case.</param>
    public static TextData Names(MLContext ml, string data)
    {
        string path = Path.Combine(ml.Generative().DataDirectory, "names", "names.txt");
        bool isFile = data != "made" && File.Exists(path);
        string[] names = isFile ? File.ReadAllLines(path) : [.. MadeNames(6_000)];
        // The file is sorted by how frequent a name is.
        new Random(1).Shuffle(names);
        int train = names.Length * 9 / 10;
        return new TextData(isFile ? "Names" : "Made names", Lines(names[..train]), Lines(names[train..]));
    }

    /// <summary>A play as telegrams: in capitals, without punctuation, with STOP at the end of a line.</summary>
    public static TextData Telegrams(TextData play) => new("Telegrams", Telegram(play.Train), Telegram(play.Validation));

    private static string Lines(IEnumerable<string> names) => string.Concat(names.Select(name => $"{name}\n"));

    private static IEnumerable<string> MadeNames(int count)
    {
        var random = new Random(1);
        for (int i = 0; i < count; i++)
        {
            string middle = random.Next(2) == 0 ? "" : Pick(_middles);
            yield return Pick(_beginnings) + middle + Pick(_ends);
        }

        string Pick(string[] parts) => parts[random.Next(parts.Length)];
    }

    private static string Telegram(string text)
    {
        var telegram = new StringBuilder();
        foreach (string line in text.Split('\n').Where(line => line.Length > 0 && !line.EndsWith(':')))
        {
            string words = string.Join(' ', line.Split([.. line.Where(c => !char.IsLetter(c) && c != '\'').Distinct()],
                StringSplitOptions.RemoveEmptyEntries));
            if (words.Length > 0)
                telegram.Append(words.ToUpperInvariant()).Append(" STOP\n");
        }

        return telegram.ToString();
    }
}
