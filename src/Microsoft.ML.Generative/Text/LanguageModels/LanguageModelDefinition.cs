using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>A language model without its weights and its tokenizer.</summary>
internal sealed record LanguageModelDefinition(
    LanguageModelArchitecture Architecture, LanguageModelColumns Columns, LanguageModelDefaults Defaults)
    : IModelDefinition<LanguageModelDefinition>
{
    [JsonIgnore]
    public Component<LanguageModelNetwork> Decoder => new("decoder", () => new LanguageModelNetwork(Architecture, 0, Formats));

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

    /// <summary>The adapters; <see langword="null"/>: there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraShape[]? Adapters { get; init; }

    /// <summary>The name of the active adapter; <see langword="null"/>: none is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ActiveAdapter { get; init; }

    [JsonIgnore]
    public IReadOnlyList<Component<LoraWeights>> AdapterComponents =>
        LoraShapes.Components(Adapters, () => new LanguageModelNetwork(Architecture));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Decoder, .. AdapterComponents];

    public static LanguageModelDefinition Of(LanguageModelOptions options, long seed) => new(
        options.Architecture, LanguageModelColumns.Of(options), LanguageModelDefaults.Of(options, seed));

    public static LanguageModelDefinition ReadOldFormat(JsonObject config) => LanguageModelOldFormats.Read(config);

    public void Validate()
    {
        Architecture.Validate();
        OptionChecks.AtLeast(Architecture.VocabularySize, 1);
        Columns.Validate();
        Defaults.Validate(Architecture.VocabularySize);
        MixedFormats.Check(WeightFormat, EachWeightFormat, Architecture);
        LoraShapes.Validate(Adapters, ActiveAdapter);
    }
}

/// <summary>The columns that a language model reads and adds.</summary>
internal sealed record LanguageModelColumns
{
    /// <summary>The column that is transformed: a model that was fine-tuned on answers reads what they answer.</summary>
    public required string Input { get; init; }

    /// <summary>Whether the input column holds conversations, in place of texts.</summary>
    public bool HasConversations { get; init; }

    public required string Output { get; init; }

    /// <summary>The column that names the adapter of each row; <see langword="null"/>: all rows have the active one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Adapter { get; init; }

    /// <summary>The columns that a transformed row has more.</summary>
    [JsonIgnore]
    public OutputColumn[] Added => [new(Output, TextDataViewType.Instance, IsVector: false)];

    public static LanguageModelColumns Of(LanguageModelOptions options) => new()
    {
        Input = options.MessagesColumnName ?? options.PromptColumnName ?? options.InputColumnName,
        HasConversations = options.MessagesColumnName is not null,
        Output = options.OutputColumnName,
    };

    /// <exception cref="ArgumentException">A name is empty.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
        OptionChecks.NullOrNotEmpty(Adapter);
    }
}

/// <summary>How a language model generates where nothing else is asked for.</summary>
internal sealed record LanguageModelDefaults
{
    public required TextGenerationOptions Generation { get; init; }

    /// <summary>How conversations are written for the model; <see langword="null"/>: as its tokenizer says.</summary>
    [JsonConverter(typeof(ChatTemplateConverter))]
    public ChatTemplate? ChatTemplate { get; init; }

    /// <inheritdoc cref="TextCodec.OtherEnds"/>
    public int[] OtherEnds { get; init; } = [];

    /// <inheritdoc cref="TextCodec.BeginsWithBos"/>
    /// <remarks>Files without it are of such versions.</remarks>
    public bool BeginsWithBos { get; init; } = true;

    public required int TransformBatchSize { get; init; }

    /// <summary>Of the choices in rows that are transformed.</summary>
    public required long Seed { get; init; }

    public static LanguageModelDefaults Of(LanguageModelOptions options, long seed) => new()
    {
        Generation = options.Generation,
        ChatTemplate = options.ChatTemplate,
        BeginsWithBos = false,
        TransformBatchSize = options.TransformBatchSize,
        Seed = seed,
    };

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate(int vocabularySize)
    {
        Generation.Validate(vocabularySize);
        OptionChecks.RowsAtOnce(TransformBatchSize);
        foreach (int end in OtherEnds)
            OptionChecks.Between(end, 0, vocabularySize - 1, nameof(OtherEnds));
    }
}
