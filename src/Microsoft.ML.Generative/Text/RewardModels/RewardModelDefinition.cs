using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>A reward model without its weights and its tokenizer.</summary>
/// <param name="Architecture">The decoder.</param>
/// <param name="Columns">The columns.</param>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
internal sealed record RewardModelDefinition(LanguageModelArchitecture Architecture, RewardModelColumns Columns, int TransformBatchSize)
    : IModelDefinition<RewardModelDefinition>
{
    [JsonIgnore]
    public Component<LanguageModelNetwork> Decoder => new("decoder", () => new LanguageModelNetwork(Architecture, 0, Formats));

    [JsonIgnore]
    public Component<Linear> Head => new("score-head", () => RewardNetwork.CreateHead(Architecture));

    /// <summary>How the weights of the blocks' linear layers are stored.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public WeightFormat WeightFormat { get; init; }

    /// <summary>
    /// The names of the formats of each large weight, or of each of its parts, for <see cref="WeightFormat.Mixed"/>;
    /// <see langword="null"/>: they are the same.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string[][]? EachWeightFormat { get; init; }

    [JsonIgnore]
    public WeightFormats Formats => MixedFormats.Of(WeightFormat, EachWeightFormat);

    /// <summary>The adapter; <see langword="null"/>: there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraShape? AdapterShape { get; init; }

    /// <summary>Whether texts begin with the token for that even where the tokenizer puts none before a text.</summary>
    public bool BeginsWithBos { get; init; }

    [JsonIgnore]
    public Component<LoraWeights>? AdapterComponent =>
        AdapterShape is { } shape
            ? new("adapter", () => LoraShapes.CreateWeights(shape, () => new LanguageModelNetwork(Architecture)), ComponentKind.Adapter)
            : null;

    [JsonIgnore]
    public IReadOnlyList<Component> Components =>
        [Decoder, Head, .. AdapterComponent is { } adapter ? (Component[])[adapter] : []];

    public void Validate()
    {
        Architecture.Validate();
        OptionChecks.AtLeast(Architecture.VocabularySize, 1);
        Columns.Validate();
        OptionChecks.RowsAtOnce(TransformBatchSize);
        MixedFormats.Check(WeightFormat, EachWeightFormat, Architecture);
        AdapterShape?.Validate();
    }
}

/// <summary>The columns that a reward model reads and adds.</summary>
/// <param name="Input">The texts that are scored.</param>
/// <param name="Prompt">The prompts that they answer, if there are any.</param>
/// <param name="Output">The scores.</param>
internal sealed record RewardModelColumns(string Input, string? Prompt, string Output)
{
    public static RewardModelColumns Of(RewardModelOptions options) =>
        new(options.InputColumnName ?? options.ChosenColumnName, options.PromptColumnName, options.OutputColumnName);

    /// <exception cref="ArgumentException">A name is empty.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NullOrNotEmpty(Prompt);
        OptionChecks.NotEmpty(Output);
    }
}
