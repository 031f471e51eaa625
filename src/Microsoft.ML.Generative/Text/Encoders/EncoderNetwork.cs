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
    private readonly double _dropout;

    public EncoderNetwork(EncoderArchitecture architecture, double dropout = 0)
        : base(nameof(EncoderNetwork))
    {
        (Architecture, _dropout) = (architecture, dropout);
        TransformerBlockShape block = architecture.Block;
        int width = architecture.EmbeddingSize;
        tokens = new EmbeddingTable(architecture.VocabularySize, width);
        if (architecture.Rotary is { } rotary)
            _rotary = new RotaryEmbedding(rotary);
        else
            positions = new Parameter(ModuleTensors.Empty(architecture.PositionRows, width));
        if (architecture.SegmentCount > 0)
            segments = new EmbeddingTable(architecture.SegmentCount, width);
        embeddingNorm = Normalization.Of(block);
        _blocks = [.. ModuleTensors.Repeat(architecture.Layers, () => new TransformerBlock(block, dropout))];
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
        (Tensor x, RotaryPositions? rotary) = Embed(input);
        Tensor? mask = input.IsToken is null ? null : DotProductAttention.PaddingMask(input.IsToken);
        foreach (TransformerBlock block in _blocks)
            x = UsesRecompute ? Recompute.Call(before => block.Forward(before, rotary, mask), x) : block.Forward(x, rotary, mask);
        return norm?.call(x) ?? x;
    }

    /// <summary>BERT's pooled output: tanh(W first + b), [batch, width].</summary>
    /// <param name="hidden">The output of <see cref="Hidden"/>.</param>
    public Tensor Pooled(Tensor hidden) => pooler!.call(hidden.select(1, 0)).AsFloat32().tanh();

    /// <summary>The attention of each block, [batch, heads, time, time].</summary>
    public IReadOnlyList<Tensor> Attention(EncoderInput input)
    {
        (Tensor x, RotaryPositions? rotary) = Embed(input);
        Tensor mask = DotProductAttention.PaddingMask(input.IsToken ?? ones_like(input.Tokens, ScalarType.Bool));
        List<Tensor> attention = [];
        foreach (TransformerBlock block in _blocks)
        {
            attention.Add(block.Attention(x, rotary, mask));
            x = block.Forward(x, rotary, mask);
        }

        return attention;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _rotary?.Dispose();
            positions?.Dispose();
        }

        base.Dispose(disposing);
    }

    private (Tensor X, RotaryPositions? Rotary) Embed(EncoderInput input)
    {
        long time = input.Tokens.size(1);
        Tensor x = tokens.call(input.Tokens); // [batch, time, width]
        if (positions is not null)
            x = x.Plus(positions.narrow(0, Architecture.FirstPosition, time));
        if (segments is not null)
            x = x.Plus(input.Segments is null ? segments.call(zeros(1, ScalarType.Int64, tokens.Device)) : segments.call(input.Segments));
        x = SeededDropout.Apply(embeddingNorm.call(x), _dropout, training);
        if (_rotary is null)
            return (x, null);
        (Tensor cosine, Tensor sine) = _rotary.Tables(time, tokens.Device); // [time, headSize / 2]
        return (x, new RotaryPositions(_rotary, cosine, sine));
    }
}

/// <summary>Texts for an encoder.</summary>
/// <param name="Tokens">[batch, time], Int64, filled up behind each text.</param>
/// <param name="IsToken">Where the texts are, [batch, time], Boolean; <see langword="null"/>: everywhere.</param>
/// <param name="Segments">The segment of each token, [batch, time], Int64; <see langword="null"/>: all are of the first.</param>
internal readonly record struct EncoderInput(Tensor Tokens, Tensor? IsToken = null, Tensor? Segments = null);
