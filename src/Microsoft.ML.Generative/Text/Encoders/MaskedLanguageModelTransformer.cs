using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Rows;
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
    typeof(MaskedLanguageModelTransformer), null, typeof(SignatureLoadModel), "Masked language model",
    MaskedLanguageModelTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained or loaded masked language model: predicts tokens from those before and behind them.</summary>
/// <remarks>Its columns are listed at <see cref="MaskedLanguageModelEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// MaskedLanguageModelTransformer model = mlContext.Generative().LoadPretrainedMaskedLanguageModel("models/bert-base-uncased");
/// foreach (TokenPrediction found in model.FillMask("The capital of [MASK] is Paris.", top: 5))
///     Console.WriteLine($"{found.Text} {found.Probability:P1}");
/// </code>
/// </example>
public sealed class MaskedLanguageModelTransformer : EncoderTransformer
{
    internal const string LoaderSignature = "GenerativeMaskedLanguage";

    private static readonly ModelFormat _format = new("masked-language-model", "GEN MLM ", LoaderSignature);

    private readonly MaskedLanguageModelDefinition _definition;
    private readonly int _mask;

    internal MaskedLanguageModelTransformer(
        IHost host, MaskedLanguageModelDefinition definition, EncoderCodec codec, EncoderNetworks networks, torch.Device device)
        : base(host, definition.Encoder, codec, networks, device, definition.TransformBatchSize) =>
        (_definition, _mask) = (definition, TokenMasking.MaskOf(codec.Tokenizer));

    /// <summary>What stands in a text where a token is to be predicted, such as [MASK].</summary>
    public string Mask => Tokenizer.TokenOf(_mask)!;

    internal MaskedTokenHead Head => (MaskedTokenHead)Networks.Head!;

    /// <summary>Predicts the token in the place of the mask of a text.</summary>
    /// <param name="text">The text, with one <see cref="Mask"/>.</param>
    /// <param name="top">The number of tokens, at least 1.</param>
    /// <returns>The most probable first.</returns>
    /// <exception cref="ArgumentException">
    /// The text has no mask or several, or more than <see cref="EncoderTransformer.MaxTokens"/> tokens, or characters that the tokenizer
    /// lacks; or <paramref name="top"/> is out of its range.
    /// </exception>
    public IReadOnlyList<TokenPrediction> FillMask(string text, int top = 5)
    {
        IReadOnlyList<IReadOnlyList<TokenPrediction>> all = FillMasks(text, top);
        return all.Count == 1 ? all[0] : throw new ArgumentException(
            $"The text has {all.Count} masks; expected one, or a call of {nameof(FillMasks)}.", nameof(text));
    }

    /// <summary>Predicts the token in the place of each mask of a text, each by itself.</summary>
    /// <param name="text">The text, with one or several <see cref="Mask"/>.</param>
    /// <param name="top">The number of tokens for each, at least 1.</param>
    /// <returns>For each mask, in their order, the most probable tokens; in their texts, the other masks are left.</returns>
    /// <inheritdoc cref="FillMask" path="/exception"/>
    public IReadOnlyList<IReadOnlyList<TokenPrediction>> FillMasks(string text, int top = 5)
    {
        ArgumentNullException.ThrowIfNull(text);
        OptionChecks.AtLeast(top, 1);
        using IDisposable use = Use();
        EncodedText encoded = EncodeMasked(text);
        int[] places = PlacesOf(encoded);
        if (places.Length == 0)
            throw new ArgumentException($"The text has no mask; expected '{Mask}' where a token is to be predicted.", nameof(text));

        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor probabilities = Probabilities(EncoderRows.Pad([encoded], Device), [.. places.Select(place => (long)place)]);
        int count = Math.Min(top, Codec.VocabularySize);
        (torch.Tensor values, torch.Tensor indices) = probabilities.topk(count, 1);
        float[] found = FiniteValues.ToArray(values.cpu(), "A probability");
        long[] ids = TensorMemory.ToArray<long>(indices.cpu());
        return [.. places.Select((place, mask) => (IReadOnlyList<TokenPrediction>)[.. Enumerable.Range(mask * count, count).Select(i =>
            new TokenPrediction(TextOf((int)ids[i]), found[i], Filled(encoded, [(place, (int)ids[i])])))])];
    }

    /// <summary>
    /// Writes the model as a folder in the layout of Hugging Face, which transformers reads: as bert, roberta or distilbert. An adapter is
    /// merged into the weights written.
    /// </summary>
    /// <inheritdoc cref="SentenceEmbeddingTransformer.SavePretrained"/>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PretrainedEncoder.Save(folder, this);
    }

    /// <summary>
    /// Writes the adapter as a folder in the layout of PEFT, <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, which PEFT
    /// reads on top of the base model in the layout of transformers, with what predicts tokens as modules to save.
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
        PeftFolder.Save(folder, PeftEncoder.Of(Networks.Encoder.Base, Head), Networks.Encoder.RequireActive());
    }

    /// <summary>
    /// Makes a model with an adapter from a folder in the layout of PEFT, and what that has of the layers that predict tokens.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="InvalidOperationException">The model uses an adapter already.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, asks for what is not supported, or is not of this network: names that are missing or match nothing are listed.
    /// Or it has an output layer of its own, which is not the embedding of tokens.
    /// </exception>
    /// <exception cref="NotSupportedException">transformers has no encoder of this shape.</exception>
    /// <example>
    /// <code>
    /// MaskedLanguageModelTransformer model = mlContext.Generative().LoadPretrainedMaskedLanguageModel("models/bert-base-uncased");
    /// MaskedLanguageModelTransformer law = model.LoadAdapter("adapters/law");
    /// Console.WriteLine(law.FillMask("The court [MASK] the appeal.")[0].Filled);
    /// </code>
    /// </example>
    public MaskedLanguageModelTransformer LoadAdapter(string folder, string name = LoraOptions.Defaults.Name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        EncoderNetworks networks =
            PeftEncoder.Load(folder, name, Networks, () => new MaskedTokenHead(Architecture), PeftEncoder.Of);
        return new MaskedLanguageModelTransformer(Host, _definition, Codec, networks, Device);
    }

    /// <summary>Predicts the tokens of all masks of texts.</summary>
    /// <param name="texts">The texts' tokens, without those round them, at most <see cref="EncoderCodec.MostInside"/>.</param>
    /// <returns>For each mask in the order of the texts, the probability of each token.</returns>
    internal float[] MaskProbabilities(IReadOnlyList<int[]> texts)
    {
        using IDisposable use = Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        EncodedText[] encoded = [.. texts.Select(text => Codec.Frame(text))];
        int time = encoded.Max(text => text.Ids.Length);
        long[] places = [.. encoded.SelectMany((text, row) => PlacesOf(text).Select(place => (long)row * time + place))];
        return places.Length == 0 ? []
            : TensorMemory.ToArray<float>(Probabilities(EncoderRows.Pad(encoded, Device), places).cpu());
    }

    private protected override RowMapping Bind(DataViewSchema schema)
    {
        var texts = new TextInput(schema, _definition.Input);
        return new RowMapping([texts], [RowOutput.Texts(_definition.Output, rows => Fill(texts.Of(rows), rows.Positions))]);
    }

    private protected override void RunHead(torch.Tensor hidden) => Head.Logits(hidden, Networks.Model.Encoder.Tokens);

    private protected override void SaveModel(ModelSaveContext ctx)
    {
        using IDisposable use = Use();
        ModelFile.Save(
            ctx, _format, _definition with { Encoder = Core with { AdapterShape = Networks.Encoder.Active?.Shape } }, Networks.Modules,
            TokenizerFiles.Entries(Tokenizer));
    }

    private string[] Fill(IReadOnlyList<string> texts, IReadOnlyList<long> positions)
    {
        EncodedText[] encoded =
            [.. texts.Select((text, i) => RowErrors.Name(_definition.Input, positions[i], () => EncodeMasked(text)))];
        int[] masked = [.. Enumerable.Range(0, encoded.Length).Where(i => PlacesOf(encoded[i]).Length > 0)];
        string[] filled = [.. texts];
        if (masked.Length == 0)
            return filled;

        // The most probable token of each position: those that are no masks are not looked at.
        int time = masked.Max(i => encoded[i].Ids.Length);
        torch.Tensor best = EncoderRows.Compute([.. masked.Select(i => encoded[i])], Device, input =>
        {
            torch.Tensor mask = input.Tokens.EqualTo(_mask).flatten().nonzero().flatten(); // [masks]
            torch.Tensor found = Probabilities(input, TensorMemory.ToArray<long>(mask.cpu())).argmax(1); // [masks]
            torch.Tensor all = torch.zeros(input.Tokens.numel(), torch.int64, Device).index_copy(0, mask, found);
            // The groups have different lengths.
            return torch.nn.functional.pad(all.view(input.Tokens.shape), [0, time - input.Tokens.size(1)]);
        });
        long[] ids = TensorMemory.ToArray<long>(best.cpu());
        for (int i = 0; i < masked.Length; i++)
        {
            EncodedText text = encoded[masked[i]];
            filled[masked[i]] = Filled(text, [.. PlacesOf(text).Select(place => (place, (int)ids[i * time + place]))]);
        }

        return filled;
    }

    // [positions, vocabulary], of positions among all of the batch.
    private torch.Tensor Probabilities(EncoderInput input, long[] positions)
    {
        torch.Tensor hidden = Networks.Model.Encoder.Hidden(input).flatten(0, 1); // [batch · time, width]
        torch.Tensor chosen = hidden.index_select(0, torch.tensor(positions, device: Device));
        // Ids beyond the tokenizer's are no tokens.
        torch.Tensor logits = Head.Logits(chosen, Networks.Model.Encoder.Tokens).narrow(1, 0, Codec.VocabularySize);
        return FiniteValues.Checked(logits.softmax(1), "A probability");
    }

    // Masks are tokens, whoever wrote them; all else that reads like a special token is text.
    private EncodedText EncodeMasked(string text)
    {
        IReadOnlyList<int> inside = Tokenizer.EncodeText(text, int.MaxValue, recognized: _mask);
        return inside.Count <= Codec.MostInside ? Codec.Frame(inside) : throw new ArgumentException(
            $"The text has {inside.Count} tokens; expected at most {Codec.MostInside}, without those round it.", nameof(text));
    }

    private int[] PlacesOf(EncodedText text) => [.. Enumerable.Range(0, text.Ids.Length).Where(i => text.Ids[i] == _mask)];

    private string TextOf(int id) => Tokenizer.Decode([id], skipSpecialTokens: false).Trim();

    private string Filled(EncodedText text, IReadOnlyList<(int Place, int Id)> tokens)
    {
        int[] ids = [.. text.Ids];
        foreach ((int place, int id) in tokens)
            ids[place] = id;
        int[] inside = ids[Codec.Before.Count..^Codec.After.Count];
        return Tokenizer.Decode(inside, skipSpecialTokens: false).Trim();
    }

    // ML.NET finds the loader by this name and signature.
    private static MaskedLanguageModelTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<MaskedLanguageModelDefinition, MaskedLanguageModelTransformer>(env, ctx, _format, file =>
        {
            EncoderCodec codec = EncoderCodec.Load(file, file.Definition.Encoder);
            ModelFile.Check(() => TokenMasking.MaskOf(codec.Tokenizer));
            EncoderNetworks networks = file.Definition.Encoder.Read(file, file.Definition.Head);
            return new MaskedLanguageModelTransformer(file.Host, file.Definition, codec, networks, file.Device);
        });
}
