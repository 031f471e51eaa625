using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>The networks of a training of an encoder.</summary>
internal sealed class EncoderTraining : IDisposable
{
    // The stream of the training's seed that a head beside an adapter comes from.
    private const long HeadStream = 312;

    private readonly AdapterTraining<EncoderNetwork>? _adapters;
    private readonly Func<torch.nn.Module>? _createHead;

    private EncoderTraining(EncoderModel model, AdapterTraining<EncoderNetwork>? adapters, Func<torch.nn.Module>? createHead) =>
        (Model, _adapters, _createHead) = (model, adapters, createHead);

    public EncoderModel Model { get; }

    /// <summary>The tokenizer of the options or of the base model, or a new one of texts, with the most tokens of a text.</summary>
    /// <param name="options">Checked options.</param>
    /// <param name="texts">The texts; read where a tokenizer is made of them.</param>
    /// <exception cref="ArgumentException">The network knows fewer tokens than the tokenizer, or texts have no room.</exception>
    public static EncoderCodec CodecOf(EncoderTrainingOptions options, IEnumerable<string> texts)
    {
        EncoderCodec codec;
        if (options.BaseModel is { } model)
        {
            using IDisposable use = model.Use();
            codec = model.Codec with { MaxTokens = options.MaxTokens ?? model.MaxTokens };
        }
        else
        {
            GenerativeTokenizer tokenizer = options.Tokenizer ?? GenerativeTokenizers.TrainWordPiece(
                texts.SelectMany(LongText.Parts),
                new WordPieceOptions { VocabularySize = options.VocabularySize ?? EncoderTrainingOptions.Defaults.VocabularySize });
            codec = new EncoderCodec(tokenizer, options.MaxTokens ?? options.Architecture.ContextLength);
            int known = options.Architecture.VocabularySize;
            if (known != 0 && known < codec.VocabularySize)
            {
                throw new ArgumentException(
                    $"{nameof(EncoderArchitecture.VocabularySize)} of {nameof(EncoderTrainingOptions.Architecture)} is {known}, but the "
                    + $"tokenizer has {codec.VocabularySize} tokens.");
            }
        }

        codec.Validate();
        return codec;
    }

    /// <summary>The architecture of the encoder that is trained.</summary>
    public static EncoderArchitecture ArchitectureOf(EncoderTrainingOptions options, EncoderCodec codec)
    {
        EncoderArchitecture architecture = options.BaseModel?.Architecture ?? options.Architecture;
        return architecture with
        {
            VocabularySize = architecture.VocabularySize == 0 ? codec.VocabularySize : architecture.VocabularySize,
            HasPooler = options.KeepsPooler,
        };
    }

    /// <summary>Creates the networks, with the weights of the base model if there is one.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="options">Checked options.</param>
    /// <param name="architecture">The encoder.</param>
    /// <param name="createHead">Creates the head, if there is one.</param>
    /// <param name="fillHead">Copies what the base model has for the head into it.</param>
    public static EncoderTraining Open(
        Trainer trainer, EncoderTrainingOptions options, EncoderArchitecture architecture, Func<torch.nn.Module>? createHead = null,
        Action<EncoderTransformer, torch.nn.Module>? fillHead = null)
    {
        EncoderTransformer? source = options.BaseModel;
        using IDisposable? use = source?.Use();
        if (source is null || !options.TrainsAdapter)
        {
            EncoderModel model = trainer.CreateNetwork(() => new EncoderModel(
                new EncoderNetwork(architecture, options.Dropout) { UsesRecompute = options.GradientCheckpointing }, createHead?.Invoke()));
            if (source is not null)
                EncoderCopies.CopyCommon(source.Networks.Encoder.Base, model.Encoder);
            Fill(model.Head);
            FrozenParameters.Apply(model, options.FrozenLayerPatterns(architecture));
            return new EncoderTraining(model, null, createHead);
        }

        AdaptedNetwork<EncoderNetwork> networks = source.Networks.Encoder;
        AdaptedNetwork<EncoderNetwork> shared = networks.OnBase(
            EncoderCopies.Share(networks.Base, architecture with { HasPooler = architecture.HasPooler && source.Architecture.HasPooler }),
            active: null);
        AdapterTraining<EncoderNetwork> adapters = AdapterTraining<EncoderNetwork>.Open(
            trainer, shared, options.Adapter, networks.Active,
            network => EncoderCopies.Share(network, network.Architecture, options.Dropout, options.GradientCheckpointing));
        try
        {
            torch.nn.Module? head = createHead is null ? null : trainer.CreateTemporaryNetwork(createHead, HeadStream);
            Fill(head);
            return new EncoderTraining(new EncoderModel(adapters.Network, head), adapters, createHead);
        }
        catch
        {
            adapters.Dispose();
            throw;
        }

        void Fill(torch.nn.Module? head)
        {
            if (source is not null && head is not null)
                fillHead?.Invoke(source, head);
        }
    }

    /// <summary>The trained networks.</summary>
    public EncoderNetworks Finish()
    {
        if (_adapters is null)
            return new EncoderNetworks(new AdaptedNetwork<EncoderNetwork>(Model.Encoder), Model.Head);
        torch.nn.Module? head = null;
        if (_createHead is not null)
        {
            // The training's own head is released with it.
            head = ModuleTensors.WithoutValues(_createHead);
            head.to(Model.Encoder.Tokens.Device);
            ModuleWeights.Share(Model.Head!, head);
        }

        return new EncoderNetworks(_adapters.Finish(), head);
    }

    public void Dispose() => _adapters?.Dispose();
}
