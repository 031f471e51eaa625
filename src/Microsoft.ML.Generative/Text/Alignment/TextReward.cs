using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>What a roll-out is scored by: a function, a fitted pipeline of ML.NET, or a reward model.</summary>
/// <example>
/// <code>
/// // A classifier of ML.NET that was fitted on texts with labels.
/// var pipeline = mlContext.Transforms.Text.FeaturizeText("Features", "Text")
///     .Append(mlContext.BinaryClassification.Trainers.SdcaLogisticRegression());
/// ITransformer sentiment = pipeline.Fit(data);
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// var grpo = mlContext.Transforms.Generative().Grpo(new GrpoOptions
/// {
///     BaseModel = model,
///     Rewards =
///     [
///         TextReward.FromTransformer(sentiment, "Text", "Score"),
///         TextReward.Repetition(weight: 0.5),
///         TextReward.FromFunction((prompt, completion) => completion.EndsWith('.') ? 1 : 0, weight: 0.2, name: "period"),
///     ],
/// });
/// </code>
/// </example>
public sealed class TextReward
{
    private readonly Func<IHost, IReadOnlyList<RolloutText>, double[]> _score;
    private readonly Action<IHost>? _check;

    private TextReward(
        string name, double weight, Func<IHost, IReadOnlyList<RolloutText>, double[]> score, Action<IHost>? check = null)
    {
        OptionChecks.NotEmpty(name);
        if (!double.IsFinite(weight))
            throw new ArgumentOutOfRangeException(nameof(weight), weight, $"The weight of '{name}' is {weight}; expected a finite number.");
        (Name, Weight, _score, _check) = (name, weight, score, check);
    }

    /// <summary>The name in reports and errors.</summary>
    public string Name { get; }

    /// <summary>What the score is multiplied by in the sum of all rewards.</summary>
    public double Weight { get; }

    /// <summary>Scores by a function of prompt and completion.</summary>
    /// <param name="score">Prompt and completion to a finite score, higher for better ones. It is called on the training thread.</param>
    /// <param name="weight">What the score is multiplied by.</param>
    /// <param name="name">The name in reports and errors.</param>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public static TextReward FromFunction(Func<string, string, double> score, double weight = 1, string name = "reward")
    {
        ArgumentNullException.ThrowIfNull(score);
        return new(name, weight, (_, texts) => [.. texts.Select(t => score(t.Prompt, t.Completion))]);
    }

    /// <summary>Scores by any fitted model of ML.NET that reads a text column and adds a column of scores.</summary>
    /// <param name="transformer">The model; it needs no other column than the text.</param>
    /// <param name="inputColumnName">The text column that it reads.</param>
    /// <param name="scoreColumnName">
    /// The column of Single that it adds, such as Score, or Probability of a binary classifier, which is bounded.
    /// </param>
    /// <param name="includesPrompt">Whether the text is the prompt with its completion, or the completion alone.</param>
    /// <param name="weight">What the score is multiplied by.</param>
    /// <param name="name">The name in reports and errors.</param>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public static TextReward FromTransformer(
        ITransformer transformer, string inputColumnName, string scoreColumnName = "Score", bool includesPrompt = true, double weight = 1,
        string name = "reward")
    {
        ArgumentNullException.ThrowIfNull(transformer);
        OptionChecks.NotEmpty(inputColumnName);
        OptionChecks.NotEmpty(scoreColumnName);
        var scores = new TextScores(transformer, inputColumnName, scoreColumnName, $"the reward '{name}'");
        return new(
            name, weight,
            (host, texts) => scores.Of(host, [.. texts.Select(t => includesPrompt ? t.Prompt + t.Completion : t.Completion)]),
            scores.Check);
    }

    /// <summary>Scores by a reward model.</summary>
    /// <param name="model">The model. It is not disposed of.</param>
    /// <param name="weight">What the score is multiplied by.</param>
    /// <param name="name">The name in reports and errors.</param>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public static TextReward FromRewardModel(RewardModelTransformer model, double weight = 1, string name = "reward")
    {
        ArgumentNullException.ThrowIfNull(model);
        return new(name, weight, (_, texts) => RewardModelScores.Of(model, texts), _ => model.Use().Dispose());
    }

    /// <summary>
    /// A penalty of long completions (Yu et al. 2025): 0 up to <paramref name="maxTokens"/> − <paramref name="bufferTokens"/> tokens, −1
    /// above <paramref name="maxTokens"/>, a straight line between.
    /// </summary>
    /// <param name="maxTokens">Tokens of the policy's tokenizer, with the one that ends the text.</param>
    /// <param name="bufferTokens">Tokens before that over which the penalty grows, 1 to <paramref name="maxTokens"/>.</param>
    /// <param name="weight">What the penalty is multiplied by.</param>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public static TextReward Overlong(int maxTokens, int bufferTokens, double weight = 1)
    {
        OptionChecks.AtLeast<int>(maxTokens, 1);
        OptionChecks.Between(bufferTokens, 1, maxTokens);
        return new("overlong", weight, (_, texts) => [.. texts.Select(t => RewardShaping.Overlong(t.Tokens, maxTokens, bufferTokens))]);
    }

    /// <summary>
    /// A penalty of repetition (Yeo et al. 2025): minus the share of the completion's n-grams of words that it has had before, 0 to −1.
    /// </summary>
    /// <param name="words">n, at least 1.</param>
    /// <param name="weight">What the penalty is multiplied by.</param>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public static TextReward Repetition(int words = 3, double weight = 1)
    {
        OptionChecks.AtLeast<int>(words, 1);
        return new("repetition", weight, (_, texts) => [.. texts.Select(Penalty)]);

        double Penalty(RolloutText text) => RewardShaping.Repetition(
            text.Completion.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), words);
    }

    /// <summary>Checks what can be checked before there is a text.</summary>
    /// <exception cref="ArgumentException">The reward cannot score texts.</exception>
    /// <exception cref="ObjectDisposedException">Its model has been disposed of.</exception>
    internal void Check(IHost host) => _check?.Invoke(host);

    /// <summary>Scores completions.</summary>
    /// <exception cref="InvalidOperationException">A score is not finite, or there are not as many as texts.</exception>
    internal double[] Score(IHost host, IReadOnlyList<RolloutText> texts)
    {
        double[] scores = _score(host, texts);
        if (scores.Length != texts.Count)
        {
            throw new InvalidOperationException(
                $"The reward '{Name}' has {scores.Length} scores for {texts.Count} completions; expected one for each. A pipeline "
                + "must keep all rows.");
        }

        int wrong = Array.FindIndex(scores, score => !double.IsFinite(score));
        return wrong < 0 ? scores : throw new InvalidOperationException(
            $"The reward '{Name}' of the completion {Quoted.Text(texts[wrong].Completion)} of {Quoted.Text(texts[wrong].Prompt)} is "
            + $"{scores[wrong]}; expected a finite number.");
    }
}
