using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using Microsoft.ML.Generative.Text.EncoderDecoders.Pretrained;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using Microsoft.ML.Tokenizers;
using TorchSharp;

[assembly: LoadableClass(
    typeof(SequenceToSequenceTransformer), null, typeof(SignatureLoadModel), "Sequence to sequence model",
    SequenceToSequenceTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained encoder–decoder: writes a text for each source, such as its summary or translation.</summary>
/// <remarks>
/// Its columns are listed at <see cref="SequenceToSequenceEstimator"/>. All methods may be called from several threads.
/// </remarks>
/// <example>
/// <code>
/// SequenceToSequenceTransformer model = mlContext.Generative().LoadPretrainedSequenceToSequence("models/flan-t5-small");
/// Console.WriteLine(model.Generate("translate English to German: How old are you?"));
/// mlContext.Model.Save(model, null, "flan-t5-small.zip");
/// </code>
/// </example>
public sealed class SequenceToSequenceTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeSequenceToSeq";

    private static readonly ModelFormat _format = new("sequence-to-sequence", "GEN SEQ2", LoaderSignature);

    private readonly SequenceToSequenceDefinition _definition;
    private readonly RowEngine _engine;
    private readonly SequenceToSequenceGenerator _generator;

    internal SequenceToSequenceTransformer(
        IHost host, SequenceToSequenceDefinition definition, TextCodec codec, AdaptedNetwork<SequenceToSequenceNetwork> networks,
        torch.Device device)
    {
        (_definition, Codec, Networks, Device) = (definition, codec, networks, device);
        networks.Network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, new NativeFootprint(networks, networks.All));
        _generator = new SequenceToSequenceGenerator(_engine, definition, codec, networks.Network, device);
    }

    /// <summary>The shape of the network.</summary>
    public SequenceToSequenceArchitecture Architecture => _definition.Architecture;

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer => Codec.Tokenizer;

    /// <summary>The token that begins outputs, before the first that the model chooses.</summary>
    public int StartTokenId => _definition.Defaults.StartToken;

    /// <summary>How the model's large weights are stored.</summary>
    public WeightFormat WeightFormat => Networks.Base.Format;

    /// <summary>The names of the model's adapters.</summary>
    public IReadOnlyList<string> Adapters => Networks.Names;

    /// <summary>The name of the adapter that the model uses; <see langword="null"/>: none.</summary>
    public string? ActiveAdapter => Networks.Active?.Shape.Name;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => Network;

    internal SequenceToSequenceDefinition Definition => _definition;

    internal SequenceToSequenceGenerator Generator => _generator;

    internal TextCodec Codec { get; }

    internal AdaptedNetwork<SequenceToSequenceNetwork> Networks { get; }

    internal SequenceToSequenceNetwork Network => Networks.Network;

    internal torch.Device Device { get; }

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    // An adapter is trained while all else of its network is frozen.
    bool IBaseModel.IsTrained(string parameter) => Networks.Active?.Shape.Tensors.Contains(parameter) ?? true;

    void IBaseModel.RunExample(int rows, int tokens) => Network.Logits(
        torch.zeros([rows, tokens], torch.int64, Device), null, torch.zeros([rows, tokens], torch.int64, Device));

    /// <summary>Writes the text for a source with the model's own options, <see cref="SequenceToSequenceOptions.Generation"/>.</summary>
    /// <param name="text">The source. The model's prefix is put before it.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentException">The source is too long, or has characters that the tokenizer lacks.</exception>
    public string Generate(string text) => _generator.Generate([text], null)[0];

    /// <summary>Writes the text for a source.</summary>
    /// <param name="text">The source. The model's prefix is put before it.</param>
    /// <param name="options">How tokens are chosen. Context overflow is ignored: outputs have no other limit than their tokens.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range or not supported, or the source is too long or has characters that the tokenizer lacks.
    /// </exception>
    /// <example>
    /// <code>
    /// SequenceToSequenceTransformer model = mlContext.Generative().LoadPretrainedSequenceToSequence("models/t5-small");
    /// string summary = model.Generate("summarize: " + File.ReadAllText("article.txt"), new() { Beams = 4, LengthPenalty = 2 });
    /// </code>
    /// </example>
    public string Generate(string text, TextGenerationOptions options) => _generator.Generate([text], options)[0];

    /// <summary>Writes the texts for several sources at a time, with the model's own options.</summary>
    /// <param name="texts">The sources.</param>
    /// <returns>The texts, each as <see cref="Generate(string)"/> writes it.</returns>
    /// <exception cref="ArgumentException">A source is too long, or has characters that the tokenizer lacks.</exception>
    public IReadOnlyList<string> Generate(IReadOnlyList<string> texts) => _generator.Generate(texts, null);

    /// <summary>Writes the texts for several sources at a time.</summary>
    /// <param name="texts">The sources.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <returns>The texts, each as <see cref="Generate(string, TextGenerationOptions)"/> writes it.</returns>
    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/exception"/>
    public IReadOnlyList<string> Generate(IReadOnlyList<string> texts, TextGenerationOptions options) =>
        _generator.Generate(texts, options);

    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/*[not(self::param)]"/>
    /// <param name="text">The source.</param>
    /// <param name="options">How tokens are chosen. Default: the model's own options.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public Task<string> GenerateAsync(
        string text, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => _generator.Generate([text], options, cancellationToken)[0], cancellationToken);

    /// <summary>Writes the text for a source piece by piece.</summary>
    /// <param name="text">The source.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: the model's own options.</param>
    /// <returns>
    /// Pieces of text, together what <see cref="Generate(string, TextGenerationOptions)"/> returns; characters are never split.
    /// </returns>
    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/exception"/>
    public IEnumerable<string> Stream(string text, TextGenerationOptions? options = null) => _generator.Stream(text, options);

    /// <inheritdoc cref="Stream(string, TextGenerationOptions?)" path="/*[not(self::param)]"/>
    /// <param name="text">The source.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: the model's own options.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public IAsyncEnumerable<string> StreamAsync(
        string text, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        WorkerSequence.Enumerate(_generator.Stream(text, options, cancellationToken), cancellationToken);

    /// <summary>Makes a model that stores its large weights in another format.</summary>
    /// <param name="format">
    /// The format, which says what it quantizes. Biases of positions and normalizations stay floats, as adapters do.
    /// </param>
    /// <returns>
    /// A model that shares the memory of this one's other weights. Each may be disposed of before the other. Adapters can be trained over
    /// it (QLoRA), its own weights cannot.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The format is <see cref="WeightFormat.Mixed"/>, which these models do not have; or a weight is not finite.
    /// </exception>
    /// <example>
    /// <code>
    /// SequenceToSequenceTransformer model = mlContext.Generative()
    ///     .LoadPretrainedSequenceToSequence("models/flan-t5-small").Quantize(WeightFormat.Int8);
    /// Console.WriteLine(model.Generate("translate English to German: How old are you?"));
    /// </code>
    /// </example>
    public SequenceToSequenceTransformer Quantize(WeightFormat format)
    {
        OptionChecks.Defined(format);
        if (format == WeightFormat.Mixed)
            throw new ArgumentException($"Encoder–decoders have no {format} formats; expected another format.", nameof(format));
        return Derive(networks => SequenceToSequenceCopies.Quantize(networks, format));
    }

    /// <summary>Counts the parameters of the active adapter, which are those that a training of it trains.</summary>
    /// <returns>The number; 0 where the model uses no adapter.</returns>
    public long CountAdapterParameters()
    {
        using IDisposable use = Use();
        return Networks.CountActive();
    }

    /// <summary>Makes a model that uses another of its adapters, or none.</summary>
    /// <param name="name">
    /// The adapter's name; <see langword="null"/>: the base model, exactly as it was before adapters were trained.
    /// </param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">The model has no such adapter.</exception>
    public SequenceToSequenceTransformer WithAdapter(string? name) => Derive(networks => networks.Select(name));

    /// <summary>Makes a model that also has the active adapter of another, and uses it.</summary>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <param name="source">A model with the same network.</param>
    /// <returns>A model that shares the memory of both models' weights. Each may be disposed of before the others.</returns>
    /// <exception cref="ArgumentException">
    /// The name is taken, the other model uses no adapter, or it has another network.
    /// </exception>
    public SequenceToSequenceTransformer AddAdapter(string name, SequenceToSequenceTransformer source)
    {
        ArgumentNullException.ThrowIfNull(source);
        using IDisposable use = source.Use();
        return Derive(networks => networks.Add(name, source.Networks, source.Architecture == Architecture));
    }

    /// <summary>Makes a model that also has a weighted combination of its adapters, and uses it.</summary>
    /// <param name="name">The name of the combination.</param>
    /// <param name="weights">The weight of each adapter, by its name. It may be negative.</param>
    /// <param name="combination">How the adapters are combined.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">
    /// The name is taken, an adapter is missing, or the adapters have ranks that do not fit.
    /// </exception>
    /// <exception cref="NotSupportedException">An adapter is DoRA's, or has trained parameters of the network itself.</exception>
    public SequenceToSequenceTransformer CombineAdapters(
        string name, IReadOnlyDictionary<string, double> weights, LoraCombination combination = LoraCombination.Concatenation) =>
        Derive(networks => networks.Combine(name, weights, combination));

    /// <summary>
    /// Writes the active adapter as a folder in the layout of PEFT, <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, which
    /// PEFT reads on top of the base model in the layout of transformers (<see cref="SavePretrained"/> of the model without adapter).
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier adapter are replaced.</param>
    /// <exception cref="InvalidOperationException">The model uses no adapter.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SaveAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PeftFolder.Save(folder, SequenceToSequenceModules.PeftOf(Networks.Base), Networks.RequireActive());
    }

    /// <summary>Makes a model that also has an adapter from a folder in the layout of PEFT, and uses it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, asks for what is not supported, or is not of this network: names that are missing or match nothing are listed.
    /// </exception>
    /// <example>
    /// <code>
    /// SequenceToSequenceTransformer model = mlContext.Generative().LoadPretrainedSequenceToSequence("models/flan-t5-small");
    /// SequenceToSequenceTransformer german = model.LoadAdapter("adapters/german", "german");
    /// Console.WriteLine(german.Generate("My name is Arthur"));
    /// </code>
    /// </example>
    public SequenceToSequenceTransformer LoadAdapter(string folder, string name = LoraOptions.Defaults.Name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Networks.CheckIsNew(name);
        return Derive(networks => networks.With(PeftFolder.Load(folder, name, SequenceToSequenceModules.PeftOf(networks.Base))));
    }

    /// <summary>
    /// Makes a model without adapters whose weights have the active adapter's changes in them: it gives the same outputs.
    /// </summary>
    /// <returns>
    /// A model with weights of its own where the adapter changes them; it shares the memory of the others. This model stays as it is, so
    /// that nothing has to be unmerged.
    /// </returns>
    /// <exception cref="InvalidOperationException">The adapter has values that are not finite.</exception>
    public SequenceToSequenceTransformer Merge() => Derive(networks => networks.Merge());

    /// <summary>
    /// Writes the model as a folder in the layout of Hugging Face, which transformers reads as a T5 model. An adapter is merged into the
    /// weights written.
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <exception cref="NotSupportedException">
    /// The weights are quantized, or the tokenizer cannot be saved; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        using AdaptedNetwork<SequenceToSequenceNetwork> merged = Networks.Merge();
        PretrainedSequenceToSequence.Save(folder, merged.Network, Codec, _definition.Defaults);
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();

    internal IDisposable Use() => _engine.Use();

    private SequenceToSequenceTransformer Derive(
        Func<AdaptedNetwork<SequenceToSequenceNetwork>, AdaptedNetwork<SequenceToSequenceNetwork>> change)
    {
        using IDisposable use = Use();
        return new SequenceToSequenceTransformer(_engine.Host, _definition, Codec, change(Networks), Device);
    }

    internal static OutputColumn[] OutputColumns(SequenceToSequenceColumns columns) =>
        [new(columns.Output, TextDataViewType.Instance, IsVector: false)];

    private RowMapping Bind(DataViewSchema schema)
    {
        var sources = new TextInput(schema, _definition.Columns.Input);
        return new RowMapping(
            [sources],
            [RowOutput.Texts(_definition.Columns.Output, rows => _generator.GenerateRows(sources.Of(rows), rows.Positions))]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = Use();
        ModelFile.Save(
            ctx, _format,
            _definition with { WeightFormat = WeightFormat, Adapters = Networks.Shapes, ActiveAdapter = ActiveAdapter }, Networks.Modules,
            TokenizerFiles.Entries(Tokenizer));
    }

    // ML.NET finds the loader by this name and signature.
    private static SequenceToSequenceTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<SequenceToSequenceDefinition, SequenceToSequenceTransformer>(env, ctx, _format, file =>
        {
            SequenceToSequenceDefinition definition = file.Definition;
            GenerativeTokenizer tokenizer = TokenizerFiles.Load(file, definition.Architecture.VocabularySize);
            TextCodec codec = TextCodec.Of(tokenizer) with { OtherEnds = definition.Defaults.OtherEnds };
            SequenceToSequenceNetwork network = file.Read(definition.Network);
            LoraWeights[] adapters = [.. definition.AdapterComponents.Select(file.Read)];
            return new SequenceToSequenceTransformer(
                file.Host, definition, codec,
                new AdaptedNetwork<SequenceToSequenceNetwork>(network, adapters, definition.ActiveAdapter), file.Device);
        });
}
