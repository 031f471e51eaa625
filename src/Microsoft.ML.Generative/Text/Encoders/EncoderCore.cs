using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>What the definitions of all models with an encoder have in common.</summary>
/// <param name="Architecture">The encoder.</param>
/// <param name="MaxTokens">Tokens of a text at most.</param>
/// <param name="Separators">How many tokens that end a text stand between two texts.</param>
internal sealed record EncoderCore(EncoderArchitecture Architecture, int MaxTokens, int Separators)
{
    /// <summary>The adapter; <see langword="null"/>: there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraShape? AdapterShape { get; init; }

    [JsonIgnore]
    public Component<EncoderNetwork> Encoder => new("encoder", () => new EncoderNetwork(Architecture));

    /// <summary>The core of a model that was trained.</summary>
    public static EncoderCore Of(EncoderNetworks networks, EncoderCodec codec) =>
        new(networks.Encoder.Base.Architecture, codec.MaxTokens, codec.Separators);

    /// <summary>The components of a model.</summary>
    /// <param name="head">What stands on the encoder, if anything does.</param>
    public IReadOnlyList<Component> Components(Component? head = null) =>
    [
        Encoder,
        .. head is null ? (Component[])[] : [head],
        .. Adapter is { } adapter ? (Component[])[adapter] : [],
    ];

    /// <summary>Reads the networks of a model.</summary>
    public EncoderNetworks Read<TDefinition, THead>(LoadedModel<TDefinition> file, Component<THead>? head)
        where TDefinition : IModelDefinition<TDefinition>
        where THead : torch.nn.Module
    {
        EncoderNetwork encoder = file.Read(Encoder);
        THead? own = head is null ? null : file.Read(head);
        LoraWeights[] adapters = Adapter is { } component ? [file.Read(component)] : [];
        return new EncoderNetworks(new AdaptedNetwork<EncoderNetwork>(encoder, adapters, AdapterShape?.Name), own);
    }

    public void Validate()
    {
        Architecture.Validate();
        OptionChecks.AtLeast(Architecture.VocabularySize, 1);
        OptionChecks.AtLeast(MaxTokens, 1);
        if (MaxTokens > Architecture.ContextLength)
        {
            throw new ArgumentException(
                $"{nameof(MaxTokens)} is {MaxTokens}; the network's {nameof(EncoderArchitecture.ContextLength)} is "
                + $"{Architecture.ContextLength}.", nameof(MaxTokens));
        }

        OptionChecks.Between(Separators, 1, 2);
        AdapterShape?.Validate();
    }

    private Component<LoraWeights>? Adapter => AdapterShape is { } shape
        ? new("adapter", () => LoraShapes.CreateWeights(shape, () => new EncoderNetwork(Architecture)), ComponentKind.Adapter)
        : null;
}
