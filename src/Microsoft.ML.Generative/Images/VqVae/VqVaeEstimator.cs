using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.VqVae;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a vector-quantized autoencoder: it turns images into small grids of codes, and generates new images by sampling codes.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.VqVae(string, int, int?)"/> or
/// <see cref="GenerativeTransformsCatalog.VqVae(VqVaeOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Image)</term><description>image of one size, or known-size vector of Single or Byte with the shape of an image: what
/// to learn.</description></item>
/// <item><term>output (Codes)</term><description>vector of Int32, height × width of the codes: 0 to the size of the codebook less
/// 1.</description></item>
/// <item><term>output (Reconstruction)</term><description>vector of Single, channels × height × width: the image decoded from the codes,
/// values in 0..1.</description></item>
/// <item><term>output (ReconstructionError)</term><description>Single: the mean squared difference between the image's values and the
/// reconstruction.</description></item>
/// <item><term>output (NegativeLogPrior)</term><description>Single: −log p(codes) in nats; high for images with unusual
/// codes.</description></item>
/// <item><term>output, optional (none)</term><description>image of ML.NET: the reconstruction as an image.</description></item>
/// </list>
/// <para>
/// Task: generation, compression, anomaly detection · normalization: pixels in 0..1 (bytes are scaled) · caching: not needed (reads
/// once) · GPU: yes · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Van den Oord, Vinyals, Kavukcuoglu, "Neural discrete representation learning", 2017, <see href="https://arxiv.org/abs/1711.00937"/>;
/// codebook by moving averages: appendix A.1; the prior is a transformer (Vaswani et al., "Attention is all you need", 2017) in place
/// of the paper's PixelCNN.
/// </para>
/// </remarks>
/// <seealso cref="VqVaeTransformer"/>
public sealed class VqVaeEstimator : IEstimator<VqVaeTransformer>
{
    // Streams of the training's seed, beside those of the loop.
    private const long PriorStream = 101;

    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly VqVaeOptions _options;

    internal VqVaeEstimator(IHostEnvironment env, VqVaeOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(VqVaeEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>: first the autoencoder, then the prior over its codes.</summary>
    /// <param name="input">Data with the column <see cref="VqVaeOptions.InputColumnName"/>.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// The column is missing or of another type or size, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: an image of another size, a value that is not finite or out of 0..1.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, or a loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The folder of checkpoints, samples or TensorBoard cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public VqVaeTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        VqVaeDefinition definition = VqVaeDefinition.Of(_options, _options.Columns.FindImages(input));
        TensorColumn column = VqVaeTransformer.InputColumn(input.Schema, definition);
        TensorColumn[]? validationColumns =
            _options.OpenValidation<TensorColumn[]>(schema => [VqVaeTransformer.InputColumn(schema, definition)]);

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            VqVaeNetwork network = trainer.CreateNetwork(() => new VqVaeNetwork(definition.Architecture));
            TrainingData data = trainer.Read(input, [column], validationColumns);
            TrainAutoencoder(trainer, network.Autoencoder, network.Prior, definition.Architecture.Grid, data);
            TrainPrior(trainer, network, definition.Architecture.Grid, data);
            return new VqVaeTransformer(_host, definition, network, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return OutputColumn.Promise(inputSchema, VqVaeTransformer.OutputColumns(VqVaeColumns.Of(_options)));
    }

    private void TrainAutoencoder(
        Trainer trainer, VqVaeAutoencoder autoencoder, CodePriorNetwork prior, CodeGrid grid, TrainingData data)
    {
        if (!FrozenParameters.AnyTrained(autoencoder))
            return;
        // A training that has finished does without this pass over the data.
        var variance = new Lazy<double>(() =>
            Variance(trainer.Run, data.Rows.Batches(_options.TransformBatchSize, shuffle: false, trainer.Seed, trainer.Device)));
        var objective = new VqVaeObjective(autoencoder, grid, _options, variance, trainer.Run.Group);
        var phase = new TrainingPhase(trainer.Prepare("vqvae", autoencoder), data.Batches, objective.Losses)
        {
            BeforeLosses = objective.InitializeCodebook,
            AfterUpdate = objective.UpdateCodebook,
        };
        trainer.Train(
            [phase], data.ValidationBatches, VqVaePreview.Open(trainer.Run, autoencoder, grid, data.PreviewRows),
            stage: new TrainingStage("autoencoder", LaterSteps: FrozenParameters.AnyTrained(prior) ? PriorSteps(data.Rows.Count) : 0));
    }

    private long PriorSteps(long rows)
    {
        VqVaeOptions options = _options.ForPrior();
        long batches = (rows + options.BatchSize - 1) / options.BatchSize;
        long steps = (batches + options.GradientAccumulationSteps - 1) / options.GradientAccumulationSteps;
        return options.StepsIn(steps);
    }

    // In the latent space of a trained autoencoder, which stays as it is.
    private void TrainPrior(Trainer trainer, VqVaeNetwork network, CodeGrid grid, TrainingData data)
    {
        if (!FrozenParameters.AnyTrained(network.Prior))
            return;
        VqVaeOptions options = _options.ForPrior();
        long? shuffleSeed = _options.Shuffle ? SeedSequence.Derive(trainer.Seed, PriorStream) : null;
        using TensorBatches codes = Codes(trainer.Run, network.Autoencoder, data.Rows, shuffleSeed);
        using TensorBatches? validationCodes = data.ValidationRows is { } rows
            ? Codes(trainer.Run, network.Autoencoder, rows, shuffleSeed: null)
            : null;

        var phase = new TrainingPhase(
            trainer.Prepare("prior", network.Prior, options), codes,
            (_, batch) => new Losses(network.Prior.NegativeLogLikelihood(batch[0]).mean()));
        trainer.Train(
            [phase], validationCodes, CodePriorPreview.Open(trainer.Run, network, grid), options,
            new TrainingStage("prior", LaterSteps: 0));
    }

    private TensorBatches Codes(TrainingRun run, VqVaeAutoencoder autoencoder, TensorSource data, long? shuffleSeed) => new(
        [codes => codes.OnDevice(run.Device).to(torch.int64)],
            () => [Codes(run, autoencoder, data)], data.Count, _options.BatchSize, shuffleSeed,
        // A checkpoint does not hold a frozen autoencoder, whose codes would be others.
        () => FrozenParameters.AnyTrained(autoencoder)
            ? data.Fingerprint
            : $"{data.Fingerprint} in codes of an autoencoder with SHA-256 {FrozenParameters.Hash(FrozenParameters.Of(autoencoder))}")
    {
        OwnsRows = true,
    };

    // The codes of all rows, in memory: two bytes each. Those that the trained model will find, whatever it is trained in.
    private torch.Tensor Codes(TrainingRun run, VqVaeAutoencoder autoencoder, TensorSource data)
    {
        using IDisposable noGradient = torch.no_grad();
        using IDisposable precision = MixedPrecision.Scope(null);
        List<torch.Tensor> parts = [];
        try
        {
            run.ForEachBatch(
                "Encoding", data.Batches(_options.TransformBatchSize, shuffle: false, seed: 0, run.Device),
                batch => parts.Add(autoencoder.EncodeCodes(batch[0]).to(torch.int16).cpu().DetachFromDisposeScope()));
            return torch.cat(parts, 0).DetachFromDisposeScope();
        }
        finally
        {
            foreach (torch.Tensor part in parts)
                part.Dispose();
        }
    }

    // Of all values of all rows; 1 for data that never varies.
    private static double Variance(TrainingRun run, IBatchSource batches)
    {
        (double sum, double squares, double count) = (0, 0, 0);
        run.ForEachBatch("Measuring the variance", batches, batch =>
        {
            sum += batch[0].sum(torch.float64).ToDouble();
            squares += batch[0].Squared().sum(torch.float64).ToDouble();
            count += batch[0].numel();
        });

        double variance = squares / count - sum / count * (sum / count);
        return variance > 1e-8 ? variance : 1;
    }
}
