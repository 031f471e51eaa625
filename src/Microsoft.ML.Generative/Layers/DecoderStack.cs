using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A decoder (Radford et al. 2019; Touvron et al. 2023; Raffel et al. 2020): embedding, blocks, normalization and output layer. Its blocks
/// may attend to the output of an encoder. Its layers are public, for those who compute with them in another way or exchange their weights.
/// </summary>
internal abstract class DecoderStack : nn.Module
{
    private readonly EmbeddingTable tokens;
    private readonly Parameter? positions;
    private readonly RelativePositionBias? relative;
    private readonly ModuleList<TransformerBlock> blocks;
    private readonly Normalization norm;
    private readonly Linear head;

    private readonly TransformerBlock[] _blocks;
    private readonly RotaryEmbedding? _rotary;
    private readonly double _dropout;

    protected DecoderStack(string name, DecoderShape shape, double dropout)
        : base(name)
    {
        (Shape, _dropout) = (shape, dropout);
        int width = shape.Block.EmbeddingSize;
        tokens = new EmbeddingTable(shape.VocabularySize, width, shape.TokenFormat);
        if (shape.HasLearnedPositions)
            positions = new Parameter(ModuleTensors.Empty(shape.ContextLength, width));
        if (shape.Rotary is { } rotary)
            _rotary = new RotaryEmbedding(rotary);
        if (shape.Relative is { } distances)
            relative = new RelativePositionBias(distances);
        _blocks = [.. ModuleTensors.Repeat(shape.Layers, i => new TransformerBlock(shape.BlockAt(i), dropout))];
        blocks = new ModuleList<TransformerBlock>(_blocks);
        norm = Normalization.Of(shape.Block);
        head = shape.TiesEmbeddings
            ? new Linear(new SharedWeight(tokens))
            : new Linear(width, shape.VocabularySize, hasBias: false, blocks: shape.HeadFormat);
        RegisterComponents();
        if (ModuleTensors.HasValues)
            Initialize();
    }

    public DecoderShape Shape { get; }

    /// <summary>[vocabulary, width].</summary>
    public EmbeddingTable Tokens => tokens;

    /// <summary>[context length, width], or <see langword="null"/>.</summary>
    public Parameter? Positions => positions;

    /// <summary>The bias of relative positions, or <see langword="null"/>.</summary>
    public RelativePositionBias? Relative => relative;

    public IReadOnlyList<TransformerBlock> Blocks => _blocks;

    public Normalization Norm => norm;

    public Linear Head => head;

    /// <summary>Whether blocks keep only their input for the backward pass.</summary>
    public bool UsesRecompute { get; init; }

    /// <summary>The linear layers of all blocks.</summary>
    public IEnumerable<Linear> LinearLayers => _blocks.SelectMany(block => block.LinearLayers);

    /// <summary>The layers with weights that may be stored in other formats, with these; a tied output layer is not among them.</summary>
    public IEnumerable<(nn.Module Layer, Weight Weight)> Quantizable =>
    [
        (tokens, tokens.Table),
        .. LinearLayers.Select(layer => ((nn.Module)layer, layer.Weight)),
        .. Shape.TiesEmbeddings ? ((nn.Module, Weight)[])[] : [(head, head.Weight)],
    ];

    /// <summary>Logits of the token that follows each position: [batch, time] to [batch, time, vocabulary].</summary>
    /// <param name="sequences">The tokens.</param>
    /// <param name="source">What blocks attend to beside them, where they do.</param>
    public Tensor Logits(Tensor sequences, EncodedSource? source = null) => Output(Hidden(sequences, source));

    /// <summary>The output of the last block for each position, normalized: [batch, time] to [batch, time, width].</summary>
    /// <inheritdoc cref="Logits" path="/param"/>
    public Tensor Hidden(Tensor sequences, EncodedSource? source = null)
    {
        long time = sequences.size(1);
        Tensor x = Embed(sequences, positions?.narrow(0, 0, time)); // [batch, time, width]
        RotaryPositions? rotary = Rotary(time);
        Tensor? mask = Shape.Block.Window.Limits(time) || relative is not null ? Mask(time) : null;
        Tensor? bias = relative is null ? null : MixedPrecision.Cast(relative.Bias(time).Plus(mask!)); // [1, heads, time, time]
        // What all blocks use and has gradients.
        Tensor[] shared = [.. new[] { bias, source?.States }.OfType<Tensor>()];
        foreach (TransformerBlock block in _blocks)
        {
            x = UsesRecompute ? Recompute.Call(Again, [x, .. shared]) : Forward(x, bias, source);

            Tensor Again(IReadOnlyList<Tensor> inputs) =>
                Forward(inputs[0], bias is null ? null : inputs[1], source is null ? null : source with { States = inputs[^1] });

            Tensor Forward(Tensor input, Tensor? added, EncodedSource? read) =>
                block.Forward(input, rotary, mask, added, read?.For(block));
        }

        return norm.call(x);
    }

    /// <summary>Logits of the next token of each sequence, [batch, vocabulary], given those not yet cached.</summary>
    /// <param name="added">These tokens, [batch, added].</param>
    /// <param name="where">Their positions, [batch, added].</param>
    /// <param name="caches">Keys and values of each block.</param>
    /// <param name="store">As <see cref="TransformerBlock.Next"/> takes it.</param>
    /// <param name="mask">As <see cref="TransformerBlock.Next"/> takes it.</param>
    /// <param name="sources">What each block attends to beside the tokens, where it does.</param>
    public Tensor Next(
        Tensor added, Tensor where, AttentionCache[] caches, Func<Tensor, Tensor, Tensor> store, Tensor mask,
        CrossSource[]? sources = null)
    {
        Tensor x = Embed(added, positions is null ? null : At(positions));
        RotaryPositions? rotary = null;
        if (_rotary is not null)
        {
            (Tensor cosine, Tensor sine) = _rotary.Tables(Shape.ContextLength, added.device);
            rotary = new RotaryPositions(_rotary, At(cosine).unsqueeze(1), At(sine).unsqueeze(1)); // [batch, 1, added, headSize / 2]
        }

        if (relative is not null)
            mask = relative.Bias(where, mask.size(-1)).Plus(mask); // [batch, heads, added, seen]
        for (int i = 0; i < caches.Length; i++)
            x = _blocks[i].Next(x, caches[i], store, rotary, mask, sources?[i]);
        Tensor last = norm.call(x.narrow(1, x.size(1) - 1, 1)); // [batch, 1, width]
        return Output(last).squeeze(1); // [batch, vocabulary]

        // [positions, size] → [batch, added, size]
        Tensor At(Tensor table) => table.index_select(0, where.flatten()).view(where.size(0), where.size(1), -1);
    }

    /// <summary>The attention of each block, [batch, heads, time, time], for sequences [batch, time].</summary>
    public IReadOnlyList<Tensor> Attention(Tensor sequences)
    {
        long time = sequences.size(1);
        Tensor x = Embed(sequences, positions?.narrow(0, 0, time)); // [batch, time, width]
        RotaryPositions? rotary = Rotary(time);
        Tensor mask = Mask(time);
        List<Tensor> attention = [];
        foreach (TransformerBlock block in _blocks)
        {
            attention.Add(block.Attention(x, rotary, mask));
            x = block.Forward(x, rotary, mask);
        }

        return attention;
    }

    public AttentionCache[] NewCaches(int batch, int length) => [.. _blocks.Select(b => b.NewCache(batch, length))];

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _rotary?.Dispose();
            positions?.Dispose();
        }

        base.Dispose(disposing);
    }

    // [batch, time] → [batch, time, width]
    private Tensor Embed(Tensor sequences, Tensor? where)
    {
        Tensor x = tokens.call(sequences);
        if (where is not null)
            x = x.Plus(where);
        return SeededDropout.Apply(x, _dropout, training);
    }

    // [.., width] → [.., vocabulary]
    private Tensor Output(Tensor hidden) =>
        head.call(Shape.HeadScale == 1 ? hidden : hidden.Times(Shape.HeadScale)).AsFloat32();

    private RotaryPositions? Rotary(long length)
    {
        if (_rotary is null)
            return null;
        (Tensor cosine, Tensor sine) = _rotary.Tables(length, tokens.Device); // [length, headSize / 2]
        return new RotaryPositions(_rotary, cosine, sine);
    }

    // [time, time]
    private Tensor Mask(long time) =>
        MixedPrecision.Cast(Shape.Block.Window.Mask(TensorFactory.Range(time, device: tokens.Device), time));

    // As GPT-2 begins: 0.02 everywhere, less where residuals add up, so that their sum does not grow with the depth.
    private void Initialize()
    {
        const double deviation = 0.02;
        using IDisposable noGradient = no_grad();
        foreach ((string name, Parameter parameter) in named_parameters())
        {
            bool isAdded = name.EndsWith("Out.weight", StringComparison.Ordinal);
            if (name.EndsWith(".bias", StringComparison.Ordinal))
                nn.init.zeros_(parameter);
            else if (name == nameof(positions) || (parameter.dim() == 2 && parameter.requires_grad))
                nn.init.normal_(parameter, 0, isAdded ? deviation / Math.Sqrt(2 * Shape.Layers) : deviation);
        }
    }
}
