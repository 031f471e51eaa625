using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>The tokens of preferences: the better text of pair n is example 2n, the worse one example 2n + 1.</summary>
internal sealed class PreferencePairs
{
    private readonly List<float> _margins = [];

    private PreferencePairs(TokenCorpus corpus) => Corpus = corpus;

    public TokenCorpus Corpus { get; }

    public int Count => _margins.Count;

    public IReadOnlyList<float> Margins => _margins;

    /// <summary>Identifies the pairs.</summary>
    public string Fingerprint
    {
        get
        {
            string margins = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_margins))));
            return $"{Corpus.Fingerprint}, {margins[..16]}";
        }
    }

    /// <summary>The sequences of pairs: better and worse in turns.</summary>
    public TokenSpan[] SpansOf(ReadOnlySpan<long> pairs)
    {
        var spans = new TokenSpan[2 * pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
            (spans[2 * i], spans[2 * i + 1]) = (Corpus.Examples[(int)(2 * pairs[i])], Corpus.Examples[(int)(2 * pairs[i] + 1)]);
        return spans;
    }

    /// <summary>Reads pairs.</summary>
    /// <param name="run">Says when to stop.</param>
    /// <param name="data">The rows, whose columns have been checked.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="codec">Text to tokens.</param>
    /// <param name="mostTokens">Pairs with a longer sequence are left out, with a warning.</param>
    /// <param name="budget">Bytes that the tokens may take.</param>
    /// <exception cref="ArgumentException">There is no pair.</exception>
    /// <exception cref="InvalidDataException">A row cannot be used.</exception>
    public static PreferencePairs Read(
        TrainingRun run, IDataView data, PreferenceColumns columns, TextCodec codec, int mostTokens, long budget)
    {
        using IChannel channel = run.Host.Start("Reading");
        var pairs = new PreferencePairs(new TokenCorpus(codec.VocabularySize, budget));
        var tooLong = new RowsLeftOut();
        foreach (Preference row in columns.Read(run, data))
        {
            pairs.Corpus.Rows = row.Row + 1;
            (int[] chosen, int prompt) = Encode(codec, columns.Prompt, columns.Chosen, row.Row, row.Prompt, row.Chosen);
            (int[] rejected, _) = Encode(codec, columns.Prompt, columns.Rejected, row.Row, row.Prompt, row.Rejected);
            if (Math.Max(chosen.Length, rejected.Length) > mostTokens)
            {
                tooLong.Add(row.Row);
                continue;
            }

            pairs.Corpus.AddExample(chosen, prompt);
            pairs.Corpus.AddExample(rejected, prompt);
            pairs._margins.Add(row.Margin);
        }

        tooLong.Report(channel, pairs.Corpus.Rows, "pairs", $"more than {mostTokens} tokens, for which the model's context has room");
        if (pairs.Count == 0)
        {
            throw new ArgumentException(
                $"None of the {pairs.Corpus.Rows} pairs has at most {mostTokens} tokens, for which the model's context has room.");
        }

        channel.Info($"Read {pairs.Count:N0} pairs of {pairs.Corpus.Count:N0} tokens.");
        return pairs;
    }

    /// <summary>Encodes a text, after its prompt if there is one; the prompt's tokens are at least 1.</summary>
    /// <exception cref="InvalidDataException">The text cannot be encoded; the message names column and row.</exception>
    public static (int[] Ids, int PromptTokens) Encode(
        TextCodec codec, string? promptColumn, string column, long row, string? prompt, string text)
    {
        if (promptColumn is not null)
            RowErrors.Name(promptColumn, row, () => codec.EncodePrompt(prompt!));
        (int[] Ids, int PromptTokens) encoded = RowErrors.Name(
            column, row, () => prompt is null ? (codec.EncodeDocument(text), 1) : codec.EncodeExample(prompt, text));
        return encoded.Ids.Length > 0 ? encoded : throw new InvalidDataException(
            $"Column {Quoted.Text(column)}, row {row}: the text has no token.");
    }
}
