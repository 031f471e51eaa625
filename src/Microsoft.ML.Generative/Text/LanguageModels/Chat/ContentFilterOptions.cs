using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative;

/// <summary>What a <see cref="ContentFilterChatClient"/> lets pass.</summary>
public sealed class ContentFilterOptions
{
    /// <summary>
    /// Scores a sentence: the higher, the less it is wanted. It may be called from several threads. <see cref="ScoreOf"/> makes it of a
    /// classifier of ML.NET.
    /// </summary>
    public required Func<string, double> Score { get; init; }

    /// <summary>Sentences with this score or a higher one are refused: any finite number. Default: 0.5.</summary>
    public double Threshold { get; init; } = 0.5;

    /// <summary>The answer in place of one that is refused, or to a request that is. Default: "I cannot help with that."</summary>
    public string Refusal { get; init; } = "I cannot help with that.";

    /// <summary>Whether what the user writes is checked, before the model sees it. Default: true.</summary>
    public bool ChecksRequests { get; init; } = true;

    /// <summary>Whether answers are checked. Default: true.</summary>
    public bool ChecksResponses { get; init; } = true;

    /// <summary>Makes a score of any fitted model of ML.NET that reads a text column and adds a column of scores.</summary>
    /// <param name="mlContext">The context.</param>
    /// <param name="model">The model; it needs no other column than the text.</param>
    /// <param name="inputColumnName">The text column that it reads.</param>
    /// <param name="scoreColumnName">The column of Single that it adds, such as the probability of a binary classifier.</param>
    /// <returns>The score, which may be called from several threads.</returns>
    /// <exception cref="ArgumentException">The model cannot score texts alone, or adds no such column.</exception>
    public static Func<string, double> ScoreOf(
        MLContext mlContext, ITransformer model, string inputColumnName = "Text", string scoreColumnName = "Probability")
    {
        ArgumentNullException.ThrowIfNull(mlContext);
        ArgumentNullException.ThrowIfNull(model);
        OptionChecks.NotEmpty(inputColumnName);
        OptionChecks.NotEmpty(scoreColumnName);
        var scores = new TextScores(model, inputColumnName, scoreColumnName, "the content filter");
        scores.Check(mlContext);
        return text => scores.Of(mlContext, [text])[0];
    }

    internal void Validate()
    {
        if (Score is null)
            throw new ArgumentException($"{nameof(ContentFilterOptions)}.{nameof(Score)} is null; expected a function.");
        if (!double.IsFinite(Threshold))
            throw new ArgumentException($"{nameof(ContentFilterOptions)}.{nameof(Threshold)} is {Threshold}; expected a finite number.");
        OptionChecks.NotEmpty(Refusal);
    }

    internal bool IsRefused(string sentence)
    {
        if (string.IsNullOrWhiteSpace(sentence))
            return false;
        double score = Score(sentence);
        return double.IsNaN(score)
            ? throw new InvalidOperationException($"The content filter's score of {Quoted.Text(sentence)} is NaN.")
            : score >= Threshold;
    }
}
