using System.Text.RegularExpressions;

namespace Microsoft.ML.Generative.Text.Evaluation;

/// <summary>BLEU (Papineni et al. 2002) over many texts, as sacreBLEU computes it by default (Post 2018).</summary>
internal sealed partial class Bleu
{
    private const int MostWords = 4;

    private readonly long[] _shared = new long[MostWords];
    private readonly long[] _all = new long[MostWords];
    private long _length;
    private long _referenceLength;

    /// <summary>Below 1 where the texts are shorter than their references.</summary>
    public double BrevityPenalty =>
        _length >= _referenceLength ? 1 : _length == 0 ? 0 : Math.Exp(1 - (double)_referenceLength / _length);

    /// <summary>0 to 100.</summary>
    public double Score
    {
        get
        {
            // Runs of a length that no text has make the mean 0, as runs of which none is shared would without smoothing.
            if (_all.Contains(0) || _shared.All(count => count == 0))
                return 0;
            double logarithm = 0, smoothing = 1;
            for (int n = 0; n < MostWords; n++)
            {
                if (_shared[n] == 0)
                    smoothing *= 2;
                logarithm += Math.Log(_shared[n] == 0 ? 1 / (smoothing * _all[n]) : (double)_shared[n] / _all[n]);
            }

            return 100 * BrevityPenalty * Math.Exp(logarithm / MostWords);
        }
    }

    public void Add(string text, IReadOnlyList<string> references)
    {
        string[] words = Words(text);
        string[][] all = [.. references.Select(Words)];
        _length += words.Length;
        _referenceLength += all.Select(reference => reference.Length)
            .OrderBy(length => Math.Abs(length - words.Length)).ThenBy(length => length).First();
        for (int n = 0; n < MostWords; n++)
        {
            var most = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach ((string run, int count) in all.SelectMany(reference => NGrams.Count(reference, n + 1)))
                most[run] = Math.Max(count, most.GetValueOrDefault(run));
            _shared[n] += NGrams.Shared(NGrams.Count(words, n + 1), most);
            _all[n] += Math.Max(0, words.Length - n);
        }
    }

    /// <summary>The tokenization of mteval-v13a.</summary>
    public static string[] Words(string text)
    {
        string line = text.TrimEnd().Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal)
            .Replace('\n', ' ').Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal)
            .Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
        line = Symbols().Replace($" {line} ", " $1 ");
        line = MarkBehindText().Replace(line, "$1 $2 ");
        line = MarkBeforeText().Replace(line, " $1 $2");
        line = DashBehindDigit().Replace(line, "$1 $2 ");
        return line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"([\{-\~\[-\` -\&\(-\+\:-\@\/])", RegexOptions.CultureInvariant)]
    private static partial Regex Symbols();

    [GeneratedRegex(@"([^0-9])([\.,])", RegexOptions.CultureInvariant)]
    private static partial Regex MarkBehindText();

    [GeneratedRegex(@"([\.,])([^0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex MarkBeforeText();

    [GeneratedRegex("([0-9])(-)", RegexOptions.CultureInvariant)]
    private static partial Regex DashBehindDigit();
}
