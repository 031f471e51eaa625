using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.RewardModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using Microsoft.ML.Tokenizers;
using TorchSharp;

[assembly: LoadableClass(
    typeof(RewardModelTransformer), null, typeof(SignatureLoadModel), "Reward model", RewardModelTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained reward model: adds the score of a text to rows, higher for better texts.</summary>
/// <remarks>Its columns are listed at <see cref="RewardModelEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// RewardModelTransformer rewardModel = mlContext.Transforms.Generative()
///     .RewardModel("Score", "Chosen", "Rejected", languageModel).Fit(data);
/// IDataView scored = rewardModel.Transform(data);
/// mlContext.Model.Save(rewardModel, data.Schema, "reward-model.zip");
/// </code>
/// </example>
public sealed class RewardModelTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeRewardModel";

    private static readonly ModelFormat _format = new("reward-model", "GEN RWRD", LoaderSignature);

    private readonly RewardModelDefinition _definition;
    private readonly RowEngine _engine;

    internal RewardModelTransformer(
        IHost host, RewardModelDefinition definition, TextCodec codec, RewardModelNetworks networks, torch.Device device)
    {
        (_definition, Codec, Networks, Device) = (definition, codec, networks, device);
        _engine = new RowEngine(
            host, this, Bind, definition.TransformBatchSize,
            new NativeFootprint(networks, [.. networks.Decoder.All, networks.Network]));
    }

    /// <summary>The shape of the decoder.</summary>
    public LanguageModelArchitecture Architecture => _definition.Architecture;

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer => Codec.Tokenizer;

    /// <summary>The name of the adapter that the model uses; <see langword="null"/>: none.</summary>
    public string? ActiveAdapter => Networks.Decoder.Active?.Shape.Name;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => Networks.Network;

    internal TextCodec Codec { get; }

    internal RewardModelNetworks Networks { get; }

    internal torch.Device Device { get; }

    internal RewardModelDefinition Definition => _definition;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    // The head, and the whole decoder where it has no adapter.
    bool IBaseModel.IsTrained(string parameter) =>
        Networks.Decoder.Active is not { } adapter
        || parameter.StartsWith(RewardNetwork.HeadName + ".", StringComparison.Ordinal)
        || adapter.Shape.Tensors.Any(name => parameter.EndsWith("." + name, StringComparison.Ordinal));

    void IBaseModel.RunExample(int rows, int tokens) =>
        ScoresOf([.. Enumerable.Repeat(new int[Math.Min(tokens, Architecture.ContextLength)], rows)]);

    /// <summary>Scores a text, or the completion of a prompt.</summary>
    /// <param name="text">The text.</param>
    /// <param name="prompt">The prompt that the text completes; <see langword="null"/>: the text stands alone.</param>
    /// <returns>The score, higher for better texts.</returns>
    /// <exception cref="ArgumentException">
    /// The text has characters that the tokenizer lacks, or more tokens than the model's context.
    /// </exception>
    public float Score(string text, string? prompt = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        using IDisposable use = _engine.Use();
        int[] tokens = prompt is null ? Codec.EncodeDocument(text) : Codec.EncodeExample(prompt, text).Ids;
        if (tokens.Length == 0 || tokens.Length > Architecture.ContextLength)
            throw new ArgumentException(LengthError(tokens.Length), nameof(text));
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return FiniteValues.ToArray(ScoresOf([tokens]), "The score")[0];
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();

    internal IDisposable Use() => _engine.Use();

    internal static OutputColumn[] OutputColumns(RewardModelColumns columns) =>
        [new(columns.Output, NumberDataViewType.Single, IsVector: false)];

    /// <summary>Scores sequences, [rows].</summary>
    internal torch.Tensor ScoresOf(IReadOnlyList<int[]> tokens)
    {
        (torch.Tensor sequences, torch.Tensor last) = TokenRows.Pad(tokens, Device);
        return Networks.Network.Scores(sequences, last);
    }

    /// <summary>The tokens of a text of a row, after its prompt if there is one.</summary>
    /// <exception cref="InvalidDataException">The text cannot be encoded or is too long; the message names column and row.</exception>
    internal int[] Encode(string? promptColumn, string column, long row, string? prompt, string text)
    {
        int[] tokens = PreferencePairs.Encode(Codec, promptColumn, column, row, prompt, text).Ids;
        return tokens.Length <= Architecture.ContextLength
            ? tokens
            : throw new InvalidDataException($"Column {Quoted.Text(column)}, row {row}: {LengthError(tokens.Length)}");
    }

    private string LengthError(int tokens) =>
        $"The text has {tokens} tokens; expected 1 to {Architecture.ContextLength}, the model's context.";

    private RowMapping Bind(DataViewSchema schema)
    {
        RewardModelColumns columns = _definition.Columns;
        TextInput? prompts = columns.Prompt is { } prompt ? new TextInput(schema, prompt) : null;
        var texts = new TextInput(schema, columns.Input);
        return new RowMapping([prompts, texts], [RowOutput.Numbers(columns.Output, NumberDataViewType.Single, Compute)]);

        torch.Tensor Compute(RowBatch rows)
        {
            IReadOnlyList<string> all = texts.Of(rows);
            IReadOnlyList<string>? before = prompts?.Of(rows);
            return ScoresOf(
                [.. all.Select((text, i) => Encode(columns.Prompt, columns.Input, rows.Positions[i], before?[i], text))]);
        }
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = Use();
        LoraWeights? adapter = Networks.Decoder.Active;
        ModelFile.Save(
            ctx, _format,
            _definition with
            {
                AdapterShape = adapter?.Shape,
                WeightFormat = Networks.Decoder.Base.Format,
                EachWeightFormat = MixedFormats.NamesOf(Networks.Decoder.Base.Formats),
                BeginsWithBos = Codec.BeginsWithBos,
            },
            [Networks.Decoder.Base, Networks.Head, .. adapter is null ? (torch.nn.Module[])[] : [adapter]],
            TokenizerFiles.Entries(Tokenizer));
    }

    // ML.NET finds the loader by this name and signature.
    private static RewardModelTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<RewardModelDefinition, RewardModelTransformer>(env, ctx, _format, file =>
        {
            RewardModelDefinition definition = file.Definition;
            GenerativeTokenizer tokenizer = TokenizerFiles.Load(file, definition.Architecture.VocabularySize);
            TextCodec codec = TextCodec.Of(tokenizer) with { BeginsWithBos = definition.BeginsWithBos };
            LanguageModelNetwork decoder = file.Read(definition.Decoder);
            Linear head = file.Read(definition.Head);
            LoraWeights[] adapters = definition.AdapterComponent is { } component ? [file.Read(component)] : [];
            return new RewardModelTransformer(
                file.Host, definition, codec,
                new RewardModelNetworks(
                    new AdaptedNetwork<LanguageModelNetwork>(decoder, adapters, definition.AdapterShape?.Name), head), file.Device);
        });
}
