using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>
/// The policy in training, and its frozen reference. The reference is the base model itself: with an adapter, the two share the memory of
/// all other weights.
/// </summary>
internal sealed class PolicyTraining : IDisposable
{
    private readonly AlignmentOptions _options;
    private readonly AdapterTraining<LanguageModelNetwork>? _adapters;
    private readonly IDisposable _use;

    private PolicyTraining(
        AlignmentOptions options, LanguageModelNetwork network, AdapterTraining<LanguageModelNetwork>? adapters, IDisposable use,
        ReferenceModel reference)
    {
        (_options, Network, _adapters, _use, Reference) = (options, network, adapters, use, reference);
    }

    public LanguageModelNetwork Network { get; }

    public ReferenceModel Reference { get; }

    public TextCodec Codec => _options.BaseModel!.Codec;

    /// <summary>Creates the policy, which begins as the base model.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="options">Checked options.</param>
    /// <param name="temperature">The temperature of the reference's log-probabilities.</param>
    /// <param name="vocabulary">The tokens that they are over. Default: all that the network has.</param>
    public static PolicyTraining Open(Trainer trainer, AlignmentOptions options, double temperature = 1, int? vocabulary = null)
    {
        LanguageModelTransformer model = options.BaseModel!;
        IDisposable use = model.Use();
        AdapterTraining<LanguageModelNetwork>? adapters = null;
        try
        {
            if (options.TrainsAdapter)
            {
                adapters = LanguageModelCopies.OpenTraining(
                    trainer, model.Networks.Select(null), options.Adapter, model.Networks.Active, options.Dropout,
                    options.GradientCheckpointing);
            }

            LanguageModelNetwork network = adapters?.Network ?? trainer.CreateNetwork(
                () => new LanguageModelNetwork(model.Architecture, options.Dropout) { UsesRecompute = options.GradientCheckpointing });
            var reference = new ReferenceModel(model, temperature, vocabulary ?? model.Architecture.VocabularySize);
            return new PolicyTraining(options, network, adapters, use, reference);
        }
        catch
        {
            adapters?.Dispose();
            use.Dispose();
            throw;
        }
    }

    /// <summary>The trained model.</summary>
    public LanguageModelTransformer Finish(IHost host, Trainer trainer) => new(
        host, _options.Define(trainer.Seed), Codec, _adapters?.Finish() ?? new AdaptedNetwork<LanguageModelNetwork>(Network),
        trainer.Device);

    /// <summary>Shows how the policy completes a prompt.</summary>
    public LanguageModelPreview? Preview(TrainingRun run) =>
        LanguageModelPreview.Open(run, _options.ForLanguageModel(), Codec, Network);

    /// <summary>What the trained model promises of its columns.</summary>
    public static SchemaShape Promise(SchemaShape inputSchema, AlignmentOptions options) => OutputColumn.Promise(
        inputSchema, LanguageModelColumns.Of(options.ForLanguageModel()).Added);

    public void Dispose()
    {
        _adapters?.Dispose();
        _use.Dispose();
    }
}
