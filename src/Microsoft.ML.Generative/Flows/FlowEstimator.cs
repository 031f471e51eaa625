using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Flows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Trains a normalizing flow: it computes the exact density of rows, which finds unusual ones, and generates new rows.</summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Flow(string, int?, string?)"/> or
/// <see cref="GenerativeTransformsCatalog.Flow(FlowOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Features)</term><description>known-size vector of Single or Byte, Single, or image of one size: what to
/// learn.</description></item>
/// <item><term>input, optional (none)</term><description>key, Boolean or whole number from 0: the class that the row is conditioned
/// on.</description></item>
/// <item><term>output (Latent)</term><description>vector of Single, of the input's size: the row as values of a standard normal
/// distribution.</description></item>
/// <item><term>output (NegativeLogDensity)</term><description>Single: −log p(x) in nats; high for unusual rows.</description></item>
/// </list>
/// <para>
/// Task: density estimation, anomaly detection, generation · normalization: not needed (values are standardized inside, and the density is
/// the one of the column's own unit) · caching: not needed (reads twice) · GPU: yes · same seed, same weights on the CPU: yes · exact
/// resume: yes.
/// </para>
/// <para>
/// Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", 2016, <see href="https://arxiv.org/abs/1605.08803"/>; activation
/// normalization and convolutions: Kingma, Dhariwal, "Glow", 2018, <see href="https://arxiv.org/abs/1807.03039"/>; bytes: Theis, van den
/// Oord, Bethge, 2015, <see href="https://arxiv.org/abs/1511.01844"/>.
/// </para>
/// </remarks>
/// <seealso cref="FlowTransformer"/>
public sealed class FlowEstimator : IEstimator<FlowTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly FlowOptions _options;

    internal FlowEstimator(IHostEnvironment env, FlowOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(FlowEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the column <see cref="FlowOptions.InputColumnName"/>.</param>
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
    public FlowTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        RowShape row = _options.Columns.FindRow(input);
        _options.LearnsImages = row.Image is not null;
        if (row.Image is null && _options.SampleDirectory is { } samples)
        {
            throw new ArgumentException(
                $"{nameof(FlowOptions.SampleDirectory)} is '{samples}', but column '{_options.InputColumnName}' holds no images.");
        }

        TensorColumn values = TensorColumn.Features(input.Schema, _options.InputColumnName, row, ValueRange.Finite);
        bool isDequantized = _options.Dequantize ?? values.Type == torch.ScalarType.Byte;
        LabelClasses classes = _options.Columns.FindClasses(input, _options.BaseModel?.Definition.Columns.Classes);
        FlowArchitecture architecture =
            _options.BaseModel?.Architecture ?? FlowArchitecture.Of(_options, row, classes.Count, isDequantized);
        BaseOptions.CheckRow(_options.InputColumnName, row, architecture.Row);
        FlowColumns names = FlowColumns.Of(_options) with
        {
            Classes = classes.Labels,
            Slots = SlotNames.ToKeep(input.Schema, _options.InputColumnName),
        };
        TensorColumn[] columns = FlowTransformer.InputTensors(input.Schema, architecture, names);
        TensorColumn[]? validationColumns = _options.OpenValidation(schema => FlowTransformer.InputTensors(schema, architecture, names));

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            var definition = new FlowDefinition(architecture, names, new FlowDefaults(_options.TransformBatchSize));
            FlowNetwork network = trainer.CreateNetwork(definition.Flow.Create);
            TrainingData data = trainer.Read(input, columns, validationColumns);
            // The couplings of a base model have learned the unit of its own standardization.
            if (_options.BaseModel is null)
                RowStatistics.Standardize(
                    trainer.Run, data.Rows.Batches(_options.BatchSize, shuffle: false, trainer.Seed, trainer.Device), network,
                    architecture);
            var phase = new TrainingPhase(trainer.Prepare("flow", network), data.Batches, new FlowObjective(network, architecture).Losses);
            trainer.Train([phase], data.ValidationBatches, FlowPreview.Open(trainer.Run, network, definition));
            return new FlowTransformer(_host, definition, network, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return OutputColumn.Promise(inputSchema, FlowTransformer.OutputColumns(FlowColumns.Of(_options)));
    }
}
