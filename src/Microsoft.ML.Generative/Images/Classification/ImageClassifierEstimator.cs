using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Images.Classification.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>Trains a small convolutional network to predict the class of an image.</summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.ImageClassifier(string, string, string, string, int?)"/> or
/// <see cref="GenerativeTransformsCatalog.ImageClassifier(ImageClassifierOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Label)</term><description>key, Boolean or whole number from 0: the class; read by the training
/// only.</description></item>
/// <item><term>input (Image)</term><description>image of one size, or known-size vector of Single or Byte with the shape of an
/// image.</description></item>
/// <item><term>output (PredictedLabel)</term><description>key: the most probable class, with the label column's key values; for integers,
/// the integers.</description></item>
/// <item><term>output (Score)</term><description>vector of Single: the probability of each class. Its slots have the classes'
/// names.</description></item>
/// <item><term>output, optional (none)</term><description>vector of Single: what the last layer sees, a description of the
/// image.</description></item>
/// </list>
/// <para>
/// Task: multiclass classification, feature extraction · normalization: pixels in 0..1 (bytes are scaled) · caching: not needed (reads
/// once) · GPU: yes · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// The columns are what <c>mlContext.MulticlassClassification.Evaluate</c> and <c>MapKeyToValue</c> expect; the evaluator wants a key
/// column of labels, or one of Single. The trained model also describes images for <see cref="GenerativeCatalog"/>'s evaluation of
/// generated ones.
/// </para>
/// <para>
/// He, Zhang, Ren, Sun, "Identity mappings in deep residual networks", 2016, <see href="https://arxiv.org/abs/1603.05027"/>; label
/// smoothing: Szegedy et al., "Rethinking the Inception architecture", 2016, section 7.
/// </para>
/// </remarks>
/// <seealso cref="ImageClassifierTransformer"/>
public sealed class ImageClassifierEstimator : IEstimator<ImageClassifierTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly ImageClassifierOptions _options;

    internal ImageClassifierEstimator(IHostEnvironment env, ImageClassifierOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(ImageClassifierEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">
    /// Data with the columns <see cref="ImageClassifierOptions.InputColumnName"/> and <see cref="ImageClassifierOptions.LabelColumnName"/>.
    /// </param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type or size, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: an image of another size, a value that is not finite or out of 0..1, a missing or unknown label.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, or the loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public ImageClassifierTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        ImageShape shape = _options.Columns.FindImages(input);
        LabelClasses classes = _options.Columns.FindClasses(input, _options.BaseModel?.Definition.Columns.Classes);
        if (classes.Count < 2)
            throw new ArgumentException($"Column '{_options.LabelColumnName}' has {classes.Count} class; expected 2 or more.");
        ImageClassifierDefinition definition = ImageClassifierDefinition.Of(_options, shape, classes.Count, classes.Labels);
        if (_options.MaxShift >= Math.Min(shape.Height, shape.Width))
        {
            throw new ArgumentException(
                $"{nameof(ImageClassifierOptions.MaxShift)} is {_options.MaxShift}: nothing would be left of images of {shape}.");
        }

        TensorColumn[] columns = TrainingTensors(input.Schema, definition);
        TensorColumn[]? validationColumns = _options.OpenValidation(schema => TrainingTensors(schema, definition));

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            ImageClassifierNetwork network = trainer.CreateNetwork(
                () => new ImageClassifierNetwork(definition.Architecture, _options.Dropout));
            TrainingData data = trainer.Read(input, columns, validationColumns);
            var phase = new TrainingPhase(
                trainer.Prepare("classifier", network), data.Batches, new ImageClassifierObjective(network, _options).Losses);
            trainer.Train([phase], data.ValidationBatches);
            return new ImageClassifierTransformer(_host, definition, network, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        inputSchema.TryFindColumn(_options.LabelColumnName, out SchemaShape.Column label);
        return OutputColumn.Promise(
            inputSchema, ImageClassifierTransformer.OutputColumns(ImageClassifierColumns.Of(_options), ClassLabels.TypeOf(label)));
    }

    private TensorColumn[] TrainingTensors(DataViewSchema schema, ImageClassifierDefinition definition) =>
        [definition.InputTensor(schema),
            TensorColumn.Label(schema, _options.LabelColumnName, definition.Architecture.ClassCount, definition.Columns.Classes)];
}
