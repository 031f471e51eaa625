using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Text.Encoders.Pretrained;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(
    typeof(TextClassificationTransformer), null, typeof(SignatureLoadModel), "Text classification",
    TextClassificationTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained classifier of texts: adds the most probable class and the probability of each to rows.</summary>
/// <remarks>Its columns are listed at <see cref="TextClassificationEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// TextClassificationTransformer model = mlContext.Transforms.Generative().TextClassification("Label", "Text").Fit(data);
/// var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(testData));
/// Console.WriteLine($"accuracy {metrics.MicroAccuracy:P2}");
/// </code>
/// </example>
public sealed class TextClassificationTransformer : EncoderTransformer
{
    internal const string LoaderSignature = "GenerativeTextClassify";

    private static readonly ModelFormat _format = new("text-classification", "GEN TCLS", LoaderSignature);

    internal TextClassificationTransformer(
        IHost host, TextClassificationDefinition definition, EncoderCodec codec, EncoderNetworks networks, torch.Device device)
        : base(host, definition.Encoder, codec, networks, device, definition.TransformBatchSize) => Definition = definition;

    /// <summary>The number of classes.</summary>
    public int ClassCount => Definition.ClassCount;

    /// <summary>The names of the classes, in the order of their numbers; none for keys without values.</summary>
    public IReadOnlyList<string> ClassNames => Definition.Columns.Classes?.Values ?? [];

    internal TextClassificationDefinition Definition { get; }

    internal ClassificationHead Head => (ClassificationHead)Networks.Head!;

    /// <summary>
    /// Writes the model as a folder in the layout of Hugging Face, which transformers reads: as bert or roberta, for the classification of
    /// sequences. An adapter is merged into the weights written.
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <exception cref="NotSupportedException">transformers has no classifier of this shape; nothing has been written then.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PretrainedEncoder.Save(folder, this);
    }

    /// <summary>
    /// Writes the adapter as a folder in the layout of PEFT, <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, which PEFT
    /// reads on top of the base model in the layout of transformers, with the classifier as modules to save.
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier adapter are replaced.</param>
    /// <exception cref="InvalidOperationException">The model uses no adapter.</exception>
    /// <exception cref="NotSupportedException">
    /// transformers has no classifier of this shape, or no module like one that has an adapter; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SaveAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        EncoderConfig config = PretrainedEncoder.ConfigOf(this);
        PeftFolder.Save(folder, PeftEncoder.Of(Networks.Encoder.Base, Head, config), Networks.Encoder.RequireActive());
    }

    /// <summary>Makes a model with an adapter from a folder in the layout of PEFT, and what that has of the classifier.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="InvalidOperationException">The model uses an adapter already.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, asks for what is not supported, or is not of this network: names that are missing or match nothing are listed.
    /// </exception>
    /// <exception cref="NotSupportedException">transformers has no classifier of this shape.</exception>
    /// <example>
    /// <code>
    /// TextClassificationTransformer model = mlContext.Generative().LoadPretrainedTextClassification("models/reviews");
    /// TextClassificationTransformer films = model.LoadAdapter("adapters/films");
    /// </code>
    /// </example>
    public TextClassificationTransformer LoadAdapter(string folder, string name = LoraOptions.Defaults.Name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        EncoderConfig config = PretrainedEncoder.ConfigOf(this);
        EncoderNetworks networks = PeftEncoder.Load(
            folder, name, Networks, () => new ClassificationHead(Architecture, ClassCount, Head.Kind),
            (network, head) => PeftEncoder.Of(network, head, config));
        return new TextClassificationTransformer(Host, Definition, Codec, networks, Device);
    }

    internal static OutputColumn[] OutputColumns(TextClassificationColumns columns, PrimitiveDataViewType? labelType) =>
    [
        new(columns.PredictedLabel, NumberDataViewType.UInt32, IsVector: false)
        {
            IsKey = true,
            Annotations = ScoreAnnotations.ShapeOfPredictedLabel(labelType),
        },
        new(columns.Score, NumberDataViewType.Single, IsVector: true) { Annotations = ScoreAnnotations.ShapeOfScores(labelType) },
    ];

    private protected override RowMapping Bind(DataViewSchema schema)
    {
        TextClassificationColumns columns = Definition.Columns;
        var first = new TextInput(schema, columns.Sentence1);
        TextInput? second = columns.Sentence2 is { } name ? new TextInput(schema, name) : null;
        var probabilities = new RowValue<torch.Tensor>(
            rows => FiniteValues.Checked(Compute(rows.Positions, first.Of(rows), second?.Of(rows)), "A score"));
        return new RowMapping([first, second],
        [
            RowOutput.Numbers(
                columns.PredictedLabel, new KeyDataViewType(typeof(uint), ClassCount), rows => probabilities.Of(rows).argmax(1).Plus(1),
                ScoreAnnotations.OfPredictedLabel(schema, columns.Classes)),
            RowOutput.Numbers(
                columns.Score, new VectorDataViewType(NumberDataViewType.Single, ClassCount), probabilities.Of,
                ScoreAnnotations.OfScores(schema, columns.Classes)),
        ]);
    }

    private protected override void RunHead(torch.Tensor hidden) => Head.Logits(hidden.select(1, 0));

    private protected override void SaveModel(ModelSaveContext ctx)
    {
        using IDisposable use = Use();
        ModelFile.Save(
            ctx, _format, Definition with { Encoder = Core with { AdapterShape = Networks.Encoder.Active?.Shape } }, Networks.Modules,
            TokenizerFiles.Entries(Tokenizer));
    }

    private torch.Tensor Compute(IReadOnlyList<long> positions, IReadOnlyList<string> first, IReadOnlyList<string>? second)
    {
        EncodedText[] texts = [.. first.Select((text, i) => second is null
            ? Encode(Definition.Columns.Sentence1, positions[i], text)
            : RowErrors.Name(Definition.Columns.Sentence1, positions[i], () => Codec.Encode(text, second[i])))];
        return EncoderRows.Compute(
            texts, Device, input => TextClassificationObjective.Logits(Networks.Model, input, Definition.Pooling).softmax(1),
            longestPacked: Networks.Model.Encoder.LongestPacked);
    }

    // ML.NET finds the loader by this name and signature.
    private static TextClassificationTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<TextClassificationDefinition, TextClassificationTransformer>(env, ctx, _format, file =>
        {
            EncoderCodec codec = EncoderCodec.Load(file, file.Definition.Encoder);
            EncoderNetworks networks = file.Definition.Encoder.Read(file, file.Definition.Head);
            return new TextClassificationTransformer(file.Host, file.Definition, codec, networks, file.Device);
        });
}
