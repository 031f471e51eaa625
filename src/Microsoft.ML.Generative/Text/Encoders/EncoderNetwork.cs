using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>
/// A transformer encoder (Devlin et al. 2018): the sum of token, position and segment embeddings, normalized, then blocks in which each
/// token attends to all.
/// </summary>
internal sealed class EncoderNetwork : nn.Module, IAdaptable<EncoderNetwork>
{
    private const double InitialDeviation = 0.02;

    private readonly EmbeddingTable tokens;
    private readonly Parameter? positions;
    private readonly EmbeddingTable? segments;
    private readonly Normalization embeddingNorm;
    private readonly ModuleList<TransformerBlock> blocks;
    private readonly Normalization? norm;
    private readonly Linear? pooler;

    private readonly TransformerBlock[] _blocks;
    private readonly RotaryEmbedding? _rotary;
    private readonly RotaryEmbedding? _localRotary;
    private readonly double _dropout;

    public EncoderNetwork(EncoderArchitecture architecture, double dropout = 0)
        : base(nameof(EncoderNetwork))
    {
        (Architecture, _dropout) = (architecture, dropout);
        TransformerBlockShape block = architecture.Block;
        int width = architecture.EmbeddingSize;
        tokens = new EmbeddingTable(architecture.VocabularySize, width);
        if (architecture.Rotary is { } rotary)
            (_rotary, _localRotary) = (new RotaryEmbedding(rotary), new RotaryEmbedding(architecture.LocalRotary!));
        else
            positions = new Parameter(ModuleTensors.Empty(architecture.PositionRows, width));
        if (architecture.SegmentCount > 0)
            segments = new EmbeddingTable(architecture.SegmentCount, width);
        embeddingNorm = Normalization.Of(block);
        _blocks = [.. ModuleTensors.Repeat(architecture.Layers, i => new TransformerBlock(architecture.BlockAt(i), dropout))];
        blocks = new ModuleList<TransformerBlock>(_blocks);
        if (architecture.IsPreNorm)
            norm = Normalization.Of(block);
        if (architecture.HasPooler)
            pooler = new Linear(width, width);
        RegisterComponents();
        if (ModuleTensors.HasValues)
            InitializeAll(this);
    }

    public EncoderArchitecture Architecture { get; }

    /// <summary>[vocabulary, width].</summary>
    public EmbeddingTable Tokens => tokens;

    /// <summary>[positions, width], or <see langword="null"/>.</summary>
    public Parameter? Positions => positions;

    /// <summary>[segments, width], or <see langword="null"/>.</summary>
    public EmbeddingTable? Segments => segments;

    public Normalization EmbeddingNorm => embeddingNorm;

    public IReadOnlyList<TransformerBlock> Blocks => _blocks;

    /// <summary>The last normalization of a network that normalizes what goes into layers.</summary>
    public Normalization? Norm => norm;

    public Linear? Pooler => pooler;

    /// <summary>Whether blocks keep only their input for the backward pass.</summary>
    public bool UsesRecompute { get; init; }

    /// <summary>The longest texts that can be computed one behind another, without padding; 0: none.</summary>
    public int LongestPacked
    {
        get
        {
            if (is_grad_enabled() || MixedPrecision.Current is not null)
                return 0;
            int longest = ShortAttention.LongestOf(Architecture.Block.HeadSize, tokens.Device);
            return Architecture.LocalAttention is { } neighbors ? Math.Min(longest, neighbors / 2 + 1) : longest;
        }
    }

    public AdaptableNetwork Adaptable => EncoderModules.Of(this);

    public EncoderNetwork Share() => EncoderCopies.Share(this, Architecture);

    public EncoderNetwork ShareForMerging(LoraWeights adapter) => adapter.ShareInto(Share());

    /// <summary>The initial values of BERT: normal with standard deviation 0.02, biases 0.</summary>
    public static void InitializeAll(nn.Module module)
    {
        using IDisposable noGradient = no_grad();
        foreach ((string name, Parameter parameter) in module.named_parameters())
        {
            if (name.EndsWith(".bias", StringComparison.Ordinal))
                nn.init.zeros_(parameter);
            else if (parameter.dim() == 2)
                nn.init.normal_(parameter, 0, InitialDeviation);
        }
    }

    /// <summary>The output of the last block for each position, [batch, time, width]; behind a text's end, of no meaning.</summary>
    public Tensor Hidden(EncoderInput input)
    {
        Tensor x = Embed(input);
        Tensor? padding = input.IsToken is null ? null : DotProductAttention.PaddingMask(input.IsToken);
        Surroundings[] surroundings = SurroundingsOf(input, padding);
        for (int i = 0; i < _blocks.Length; i++)
        {
            TransformerBlock block = _blocks[i];
            (RotaryPositions? rotary, Tensor? mask) = surroundings[i];
            Tensor Run(Tensor before) => block.Forward(before, rotary, mask, lengths: input.Packed?.Lengths);
            x = UsesRecompute ? Recompute.Call(Run, x) : Run(x);
        }

        return norm?.call(x) ?? x;
    }

    /// <summary>BERT's pooled output: tanh(W first + b), [batch, width].</summary>
    /// <param name="first">The output of <see cref="Hidden"/> for the first token of each text, [batch, width].</param>
    public Tensor Pooled(Tensor first) => pooler!.call(first).AsFloat32().tanh();

    /// <summary>The attention of each block, [batch, heads, time, time].</summary>
    public IReadOnlyList<Tensor> Attention(EncoderInput input)
    {
        Tensor x = Embed(input);
        Tensor padding = DotProductAttention.PaddingMask(input.IsToken ?? ones_like(input.Tokens, ScalarType.Bool));
        List<Tensor> attention = [];
        foreach ((TransformerBlock block, (RotaryPositions? rotary, Tensor? mask)) in _blocks.Zip(SurroundingsOf(input, padding)))
        {
            attention.Add(block.Attention(x, rotary, mask!));
            x = block.Forward(x, rotary, mask);
        }

        return attention;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _rotary?.Dispose();
            _localRotary?.Dispose();
            positions?.Dispose();
        }

        base.Dispose(disposing);
    }

    private Tensor Embed(EncoderInput input)
    {
        Tensor x = tokens.call(input.Tokens); // [batch, time, width]
        if (positions is not null)
        {
            Tensor rows = positions.narrow(0, Architecture.FirstPosition, TimeOf(input)); // [time, width]
            x = x.Plus(input.Packed is { } packed ? rows.index_select(0, packed.Places) : rows);
        }

        if (segments is not null)
            x = x.Plus(input.Segments is null ? segments.call(zeros(1, ScalarType.Int64, tokens.Device)) : segments.call(input.Segments));
        return SeededDropout.Apply(embeddingNorm.call(x), _dropout, training);
    }

    // The length of the longest text.
    private static long TimeOf(EncoderInput input) => input.Packed?.Lengths.Max() ?? input.Tokens.size(1);

    // What each block knows beside its input.
    private Surroundings[] SurroundingsOf(EncoderInput input, Tensor? padding)
    {
        long time = TimeOf(input), reach = (Architecture.LocalAttention ?? 0) / 2;
        bool isLocal = Architecture.LocalAttention is not null;
        var all = new Surroundings(At(_rotary, time, input.Packed), padding);
        Surroundings near = !isLocal ? all : new Surroundings(
            At(_localRotary, time, input.Packed),
            time - 1 > reach ? DotProductAttention.LocalMask(time, reach, input.IsToken, tokens.Device) : padding);
        return [.. Enumerable.Range(0, _blocks.Length).Select(i => Architecture.IsLocal(i) ? near : all)];
    }

    private RotaryPositions? At(RotaryEmbedding? rotary, long time, PackedTexts? packed)
    {
        if (rotary is null)
            return null;
        (Tensor cosine, Tensor sine) = rotary.Tables(time, tokens.Device); // [time, headSize / 2]
        return packed is null
            ? new RotaryPositions(rotary, cosine, sine)
            : new RotaryPositions(rotary, cosine.index_select(0, packed.Places), sine.index_select(0, packed.Places));
    }

    // What stands at the positions of a sequence, and what attends to what: 0, or a large negative number where not.
    private readonly record struct Surroundings(RotaryPositions? Positions, Tensor? Mask);
}

/// <summary>Texts for an encoder.</summary>
/// <param name="Tokens">[batch, time], Int64, filled up behind each text.</param>
/// <param name="IsToken">Where the texts are, [batch, time], Boolean; <see langword="null"/>: everywhere.</param>
/// <param name="Segments">The segment of each token, [batch, time], Int64; <see langword="null"/>: all are of the first.</param>
internal readonly record struct EncoderInput(Tensor Tokens, Tensor? IsToken = null, Tensor? Segments = null)
{
    /// <summary>
    /// Where the texts are, if they are one behind another in a batch of 1, no longer than <see cref="EncoderNetwork.LongestPacked"/>.
    /// </summary>
    public PackedTexts? Packed { get; init; }
}

/// <summary>Texts one behind another, without padding.</summary>
/// <param name="Lengths">Tokens of each.</param>
/// <param name="Places">The place of each token in its text, [tokens], Int64.</param>
internal sealed record PackedTexts(int[] Lengths, Tensor Places);
