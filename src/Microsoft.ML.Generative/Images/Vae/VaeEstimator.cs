using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a variational autoencoder: it compresses rows to a few latent values, scores how usual they are, and generates new ones.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Vae(string, int, int?)"/> or
/// <see cref="GenerativeTransformsCatalog.Vae(VaeOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Image)</term><description>image of one size, or known-size vector of Single or Byte, or Single: what to
/// learn.</description></item>
/// <item><term>input, optional (none)</term><description>key, Boolean or whole number from 0: the class that the row is conditioned
/// on.</description></item>
/// <item><term>output (Latent)</term><description>vector of Single: the mean of q(z|x), a low-dimensional description of the
/// row.</description></item>
/// <item><term>output (Reconstruction)</term><description>vector of Single, channels × height × width for images: the decoder's mean for
/// it.</description></item>
/// <item><term>output (ReconstructionError)</term><description>Single: −log p(x|z) in nats.</description></item>
/// <item><term>output (NegativeElbo)</term><description>Single: −ELBO in nats, an upper bound of −log p(x); high for unusual
/// rows.</description></item>
/// <item><term>output, optional (none)</term><description>image of ML.NET: the reconstruction as an image.</description></item>
/// </list>
/// <para>
/// Task: generation, dimensionality reduction, anomaly detection · normalization: pixels in 0..1 (bytes are scaled) · caching: not
/// needed (reads once) · GPU: yes · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Kingma, Welling, "Auto-encoding variational Bayes", 2013, <see href="https://arxiv.org/abs/1312.6114"/>; β: Higgins et al.,
/// "beta-VAE", 2017; importance-weighted bound: Burda, Grosse, Salakhutdinov, 2015, <see href="https://arxiv.org/abs/1509.00519"/>; labels:
/// Sohn, Lee, Yan, 2015.
/// </para>
/// </remarks>
/// <seealso cref="VaeTransformer"/>
public sealed class VaeEstimator : IEstimator<VaeTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly VaeOptions _options;

    internal VaeEstimator(IHostEnvironment env, VaeOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(VaeEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the column <see cref="VaeOptions.InputColumnName"/>.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// The column is missing or of another type or size, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: an image of another size, a value that is not finite or out of range.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, or the loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The folder of checkpoints, samples or TensorBoard cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public VaeTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        RowShape row = _options.Columns.FindRow(input);
        if (row.Image is null && VaeLayers.Of(_options.Network).NeedsImages)
            throw ColumnTypes.UnknownShape(_options.InputColumnName, nameof(VaeOptions.Network), _options.Network, VaeNetworkKind.Mlp);
        if (row.Image is null && _options.SampleDirectory is { } samples)
        {
            throw new ArgumentException(
                $"{nameof(VaeOptions.SampleDirectory)} is '{samples}', but column '{_options.InputColumnName}' holds no images.");
        }

        if (row.Image is null && _options.ReconstructionImageColumnName is { } images)
        {
            throw new ArgumentException(
                $"{nameof(VaeOptions.ReconstructionImageColumnName)} is '{images}', but column '{_options.InputColumnName}' holds no "
                + "images.");
        }

        LabelClasses classes = _options.Columns.FindClasses(input, _options.BaseModel?.Definition.Columns.Classes);
        VaeArchitecture architecture = _options.BaseModel?.Definition.Architecture ?? VaeArchitecture.Of(_options, row, classes.Count);
        BaseOptions.CheckRow(_options.InputColumnName, row, architecture.Row);
        VaeColumns names = VaeColumns.Of(_options) with
        {
            Classes = classes.Labels,
            Slots = SlotNames.ToKeep(input.Schema, _options.InputColumnName),
        };
        TensorColumn[] columns = VaeTransformer.TrainingTensors(input.Schema, architecture, names);
        TensorColumn[]? validationColumns = _options.OpenValidation(schema => VaeTransformer.TrainingTensors(schema, architecture, names));

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            VaeNetwork network = trainer.CreateNetwork(() => new VaeNetwork(architecture));
            TrainingData data = trainer.Read(input, columns, validationColumns);
            trainer.CheckBatch(
                Math.Min(trainer.RowsOfStep, data.Rows.Count), row.Size,
                (nameof(VaeOptions.ImportanceSamples), _options.ImportanceSamples));
            var phase = new TrainingPhase(trainer.Prepare("vae", network), data.Batches, new VaeObjective(network, _options).Losses);
            trainer.Train([phase], data.ValidationBatches, VaePreview.Open(trainer.Run, architecture, network, data.PreviewRows));
            return new VaeTransformer(
                _host, new VaeDefinition(architecture, names, VaeDefaults.Of(_options, trainer.Seed)), network, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return OutputColumn.Promise(
            inputSchema, VaeTransformer.OutputColumns(VaeColumns.Of(_options), SlotNames.Promise(inputSchema, _options.InputColumnName)));
    }
}
