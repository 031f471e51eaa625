using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>
/// The formats of each large weight of a decoder as a model file has them: names, where they are <see cref="WeightFormat.Mixed"/>.
/// </summary>
internal static class MixedFormats
{
    /// <summary>The names; <see langword="null"/>: all weights have the same format.</summary>
    public static string[][]? NamesOf(WeightFormats formats) =>
        formats.Each is { } each ? [.. each.Select(all => all.Select(format => format.Name).ToArray())] : null;

    /// <exception cref="ArgumentException">There is no such format.</exception>
    public static WeightFormats Of(WeightFormat format, string[][]? names) =>
        new(format, names is null ? null : [.. names.Select(all => all.Select(Find).ToArray())]);

    /// <exception cref="ArgumentException">The formats are not those of such a decoder; the message says why.</exception>
    public static void Check(WeightFormat format, string[][]? names, LanguageModelArchitecture architecture)
    {
        OptionChecks.Defined(format);
        if ((format == WeightFormat.Mixed) != (names is not null))
            throw new ArgumentException($"The weights' format is {format}; those of each belong to {WeightFormat.Mixed} alone.");
        if (names is null)
            return;
        long blocks = (long)architecture.Layers * WeightFormats.WeightsOfBlock;
        long expected = 1 + blocks + (architecture.TieEmbeddings ? 0 : 1);
        if (names.Length != expected)
            throw new ArgumentException($"The formats are those of {names.Length} weights; expected {expected}.");
        for (int i = 0; i < names.Length; i++)
        {
            int parts = i == 0 || i > blocks ? 1 : (i % WeightFormats.WeightsOfBlock) switch { 1 => 3, 3 => 2, _ => 1 };
            if (names[i] is not { Length: var count } || (count != 1 && count != parts))
                throw new ArgumentException($"Weight {i} has a wrong number of formats; expected 1 or {parts}.");
            foreach (string name in names[i])
                Find(name);
        }
    }

    private static BlockFormat Find(string name) => name is not null && BlockFormat.Find(name) is { } format
        ? format
        : throw new ArgumentException(
            $"{Quoted.Text(name ?? "")} is no format of weights; expected one of {string.Join(", ", BlockFormat.Names)}.");
}
