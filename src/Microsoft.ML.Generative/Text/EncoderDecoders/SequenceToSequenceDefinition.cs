using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>An encoder–decoder without its weights and its tokenizer.</summary>
internal sealed record SequenceToSequenceDefinition(
    SequenceToSequenceArchitecture Architecture, SequenceToSequenceColumns Columns, SequenceToSequenceDefaults Defaults)
    : IModelDefinition<SequenceToSequenceDefinition>
{
    [JsonIgnore]
    public Component<SequenceToSequenceNetwork> Network =>
        new("encoder-decoder", () => new SequenceToSequenceNetwork(Architecture, 0, WeightFormat));

    /// <summary>How the weights of the blocks' linear layers are stored.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public WeightFormat WeightFormat { get; init; }

    /// <summary>The adapters; <see langword="null"/>: there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraShape[]? Adapters { get; init; }

    /// <summary>The name of the active adapter; <see langword="null"/>: none is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ActiveAdapter { get; init; }

    [JsonIgnore]
    public IReadOnlyList<Component<LoraWeights>> AdapterComponents =>
        LoraShapes.Components(Adapters, () => new SequenceToSequenceNetwork(Architecture));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Network, .. AdapterComponents];

    public void Validate()
    {
        Architecture.Validate();
        OptionChecks.AtLeast(Architecture.VocabularySize, 1);
        Columns.Validate();
        Defaults.Validate(Architecture.VocabularySize);
        OptionChecks.Defined(WeightFormat);
        if (WeightFormat == WeightFormat.Mixed)
        {
            throw new ArgumentException(
                $"The weights' format is {WeightFormat}, which encoder–decoders do not have; expected one of "
                + $"{string.Join(", ", Enum.GetValues<WeightFormat>().Where(f => f != WeightFormat.Mixed))}.");
        }

        LoraShapes.Validate(Adapters, ActiveAdapter);
    }
}

/// <summary>The columns that an encoder–decoder reads and adds.</summary>
/// <param name="Input">The sources.</param>
/// <param name="Output">The texts that are written.</param>
internal sealed record SequenceToSequenceColumns(string Input, string Output)
{
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
    }
}

/// <summary>How an encoder–decoder generates where nothing else is asked for.</summary>
internal sealed record SequenceToSequenceDefaults
{
    public required TextGenerationOptions Generation { get; init; }

    /// <summary>What stands before each source.</summary>
    public required string Prefix { get; init; }

    public required int MaxSourceTokens { get; init; }

    /// <summary>The token that begins outputs.</summary>
    public required int StartToken { get; init; }

    /// <inheritdoc cref="Codec.TextCodec.OtherEnds"/>
    public int[] OtherEnds { get; init; } = [];

    public required int TransformBatchSize { get; init; }

    /// <summary>Of the choices in rows that are transformed.</summary>
    public required long Seed { get; init; }

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate(int vocabularySize)
    {
        Generation.Validate(vocabularySize);
        ArgumentNullException.ThrowIfNull(Prefix);
        OptionChecks.AtLeast(MaxSourceTokens, 1);
        OptionChecks.Between(StartToken, 0, vocabularySize - 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
        foreach (int end in OtherEnds)
            OptionChecks.Between(end, 0, vocabularySize - 1, nameof(OtherEnds));
    }
}
