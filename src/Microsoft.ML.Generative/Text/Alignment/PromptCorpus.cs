using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>A prompt to complete.</summary>
/// <param name="Text">The text.</param>
/// <param name="Tokens">Its tokens, at least one.</param>
internal sealed record Prompt(string Text, int[] Tokens);

/// <summary>The prompts of a training.</summary>
internal sealed class PromptCorpus
{
    private const int RowsBetweenChecks = 256;

    private readonly TokenCorpus _corpus;
    private readonly List<Prompt> _prompts = [];

    private PromptCorpus(TokenCorpus corpus) => _corpus = corpus;

    public IReadOnlyList<Prompt> Prompts => _prompts;

    /// <summary>Identifies the prompts.</summary>
    public string Fingerprint => _corpus.Fingerprint;

    /// <param name="run">Says when to stop.</param>
    /// <param name="data">The rows, whose column has been checked.</param>
    /// <param name="column">The column.</param>
    /// <param name="codec">Text to tokens.</param>
    /// <param name="mostTokens">Longer prompts are left out, with a warning.</param>
    /// <param name="budget">Bytes that the tokens may take.</param>
    /// <exception cref="ArgumentException">There is no prompt.</exception>
    /// <exception cref="InvalidDataException">A prompt cannot be encoded.</exception>
    public static PromptCorpus Read(TrainingRun run, IDataView data, string column, TextCodec codec, int mostTokens, long budget)
    {
        using IChannel channel = run.Host.Start("Reading");
        // Beside what is hashed, each prompt has its text.
        var read = new PromptCorpus(new TokenCorpus(codec.VocabularySize, budget / 4));
        var tooLong = new RowsLeftOut();
        foreach (string text in TextColumn.Read(data, column))
        {
            long row = read._corpus.Rows++;
            if (row % RowsBetweenChecks == 0)
                run.StopIfCancelled();
            int[] tokens = RowErrors.Name(column, row, () => codec.EncodePrompt(text));
            if (tokens.Length > mostTokens)
            {
                tooLong.Add(row);
                continue;
            }

            read._corpus.AddExample(tokens, 1);
            read._prompts.Add(new Prompt(text, tokens));
        }

        if (read._corpus.Rows == 0)
            throw EmptyTable.Error([column]);
        tooLong.Report(
            channel, read._corpus.Rows, "prompts",
            $"more than {mostTokens} tokens, which leaves no room for {nameof(RolloutOptions.MaxTokens)} in the model's context");
        if (read._prompts.Count == 0)
        {
            throw new ArgumentException(
                $"None of the {read._corpus.Rows} prompts has at most {mostTokens} tokens, as the model's context and "
                + $"{nameof(RolloutOptions.MaxTokens)} ask for.");
        }

        return read;
    }
}
