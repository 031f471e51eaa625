using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Text.Encoders.Pretrained;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(
    typeof(SentenceEmbeddingTransformer), null, typeof(SignatureLoadModel), "Sentence embedding",
    SentenceEmbeddingTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained or loaded encoder that adds the vectors of texts to rows.</summary>
/// <remarks>Its columns are listed at <see cref="SentenceEmbeddingEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
/// float[] a = encoder.Embed("How do I resume an interrupted training?"), b = encoder.Embed("Continue a run from its last checkpoint.");
/// Console.WriteLine($"cosine {System.Numerics.Tensors.TensorPrimitives.CosineSimilarity(a, b):F3}");
/// </code>
/// </example>
public sealed class SentenceEmbeddingTransformer : EncoderTransformer, IEmbeddingModel
{
    internal const string LoaderSignature = "GenerativeSentenceEmbed";

    private static readonly ModelFormat _format = new("sentence-embedding", "GEN SEMB", LoaderSignature);

    private readonly SentenceEmbeddingDefinition _definition;

    internal SentenceEmbeddingTransformer(
        IHost host, SentenceEmbeddingDefinition definition, EncoderCodec codec, EncoderNetworks networks, torch.Device device)
        : base(host, definition.Encoder, codec, networks, device, definition.TransformBatchSize) => _definition = definition;

    /// <summary>The number of values in a vector.</summary>
    public int EmbeddingSize => Architecture.EmbeddingSize;

    /// <summary>How the vectors of a text's tokens become one.</summary>
    public EmbeddingPooling Pooling => _definition.Pooling;

    /// <summary>Whether vectors have the length 1, so that their scalar product is the cosine.</summary>
    public bool IsNormalized => _definition.Normalizes;

    string IEmbeddingModel.ModelId => $"{_format.Name}-{Architecture.CountParameters()}";

    int IEmbeddingModel.RowsAtOnce => RowsAtOnce;

    /// <summary>The vector of a text.</summary>
    /// <param name="text">The text, cut where it has more than <see cref="EncoderTransformer.MaxTokens"/> tokens.</param>
    /// <returns><see cref="EmbeddingSize"/> values.</returns>
    /// <exception cref="ArgumentException">The text has characters that the tokenizer lacks.</exception>
    public float[] Embed(string text) => Embed([text])[0];

    /// <summary>The vectors of texts. Those of similar lengths are computed together.</summary>
    /// <param name="texts">The texts, cut where they have more than <see cref="EncoderTransformer.MaxTokens"/> tokens.</param>
    /// <returns><see cref="EmbeddingSize"/> values for each.</returns>
    /// <exception cref="ArgumentException">
    /// A text is null or has characters that the tokenizer lacks; the message has its number.
    /// </exception>
    public float[][] Embed(IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return Embed([.. texts.Select((text, i) => TextEmbeddingGenerator.Encode(this, text, i))], CancellationToken.None);
    }

    /// <summary>Makes the model available as a generator of embeddings of Microsoft.Extensions.AI.</summary>
    /// <returns>
    /// A generator of vectors of <see cref="EmbeddingSize"/> values, which may be used from several threads and does not own the model.
    /// </returns>
    public IEmbeddingGenerator<string, Embedding<float>> AsEmbeddingGenerator()
    {
        using IDisposable use = Use();
        return new TextEmbeddingGenerator(this);
    }

    /// <summary>
    /// Writes the model as a folder in the layout of sentence-transformers, which that library and transformers read: as bert, roberta or
    /// distilbert. An adapter is merged into the weights written.
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <exception cref="NotSupportedException">transformers has no encoder of this shape; nothing has been written then.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PretrainedEncoder.Save(folder, this, _definition);
    }

    /// <summary>
    /// Writes the adapter as a folder in the layout of PEFT, <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, which PEFT
    /// reads on top of the base model in the layout of transformers.
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier adapter are replaced.</param>
    /// <exception cref="InvalidOperationException">The model uses no adapter.</exception>
    /// <exception cref="NotSupportedException">
    /// transformers has no encoder of this shape, or no module like one that has an adapter; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SaveAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PeftFolder.Save(folder, PeftEncoder.Of(Networks.Encoder.Base), Networks.Encoder.RequireActive());
    }

    /// <summary>Makes a model with an adapter from a folder in the layout of PEFT.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="InvalidOperationException">The model uses an adapter already.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, asks for what is not supported, or is not of this network: names that are missing or match nothing are listed.
    /// </exception>
    /// <exception cref="NotSupportedException">transformers has no encoder of this shape.</exception>
    /// <example>
    /// <code>
    /// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
    /// SentenceEmbeddingTransformer law = encoder.LoadAdapter("adapters/law");
    /// float[] vector = law.Embed("the right to be heard");
    /// </code>
    /// </example>
    public SentenceEmbeddingTransformer LoadAdapter(string folder, string name = LoraOptions.Defaults.Name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        AdaptedNetwork<EncoderNetwork> encoder = PeftEncoder.Load(folder, name, Networks.Encoder, PeftEncoder.Of);
        return new SentenceEmbeddingTransformer(Host, _definition, Codec, new EncoderNetworks(encoder), Device);
    }

    int[] IEmbeddingModel.Encode(string text) => Codec.Encode(text).Ids;

    torch.Tensor IEmbeddingModel.Embed(IReadOnlyList<int[]> texts) => Compute(texts, null);

    float[][] IEmbeddingModel.Embed(IReadOnlyList<int[]> texts, CancellationToken cancellation) => Embed(texts, cancellation);

    IEmbeddingModel IEmbeddingModel.Share()
    {
        using IDisposable use = Use();
        return new SentenceEmbeddingTransformer(
            Host, _definition, Codec, new EncoderNetworks(Networks.Encoder.Select(ActiveAdapter)), Device);
    }

    private protected override RowMapping Bind(DataViewSchema schema)
    {
        var texts = new TextInput(schema, _definition.Input);
        return new RowMapping([texts],
        [
            RowOutput.Numbers(_definition.Output, new VectorDataViewType(NumberDataViewType.Single, EmbeddingSize), rows =>
                Compute([.. texts.Of(rows).Select((text, i) => Encode(_definition.Input, rows.Positions[i], text).Ids)], null)),
        ]);
    }

    private protected override void RunHead(torch.Tensor hidden)
    {
    }

    private protected override void SaveModel(ModelSaveContext ctx)
    {
        using IDisposable use = Use();
        ModelFile.Save(
            ctx, _format, _definition with { Encoder = Core with { AdapterShape = Networks.Encoder.Active?.Shape } }, Networks.Modules,
            TokenizerFiles.Entries(Tokenizer));
    }

    private float[][] Embed(IReadOnlyList<int[]> texts, CancellationToken cancellation)
    {
        if (texts.Count == 0)
            return [];
        using IDisposable use = Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return [.. FiniteValues.ToArray(Compute(texts, cancellation.ThrowIfCancellationRequested), "The embedding").Chunk(EmbeddingSize)];
    }

    private torch.Tensor Compute(IReadOnlyList<int[]> texts, Action? check) => EncoderRows.Compute(
        [.. texts.Select(ids => new EncodedText(ids, ids.Length))], Device,
        input => Text.Encoders.Pooling.Embed(Networks.Model.Encoder, input, Pooling, IsNormalized), check,
        Networks.Model.Encoder.LongestPacked);

    // ML.NET finds the loader by this name and signature.
    private static SentenceEmbeddingTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<SentenceEmbeddingDefinition, SentenceEmbeddingTransformer>(env, ctx, _format, file =>
        {
            EncoderCodec codec = EncoderCodec.Load(file, file.Definition.Encoder);
            EncoderNetworks networks = file.Definition.Encoder.Read<SentenceEmbeddingDefinition, EncoderNetwork>(file, null);
            return new SentenceEmbeddingTransformer(file.Host, file.Definition, codec, networks, file.Device);
        });
}
