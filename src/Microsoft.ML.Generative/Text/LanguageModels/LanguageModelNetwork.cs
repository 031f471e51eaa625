using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>
/// A decoder-only transformer: p(text) = Π p(token | tokens before it). GPT-2 (Radford et al. 2019) or Llama (Touvron et al. 2023), as its
/// architecture says.
/// </summary>
internal sealed class LanguageModelNetwork : nn.Module
{
    private readonly Embedding tokens;
    private readonly Parameter? positions;
    private readonly ModuleList<DecoderBlock> blocks;
    private readonly Normalization norm;
    private readonly Module<Tensor, Tensor>? head;

    private readonly RotaryEmbedding? _rotary;
    private readonly double _dropout;

    public LanguageModelNetwork(LanguageModelArchitecture architecture, double dropout = 0)
        : base(nameof(LanguageModelNetwork))
    {
        (Architecture, _dropout) = (architecture, dropout);
        int width = architecture.EmbeddingSize;
        tokens = ModuleTensors.Embedding(architecture.VocabularySize, width);
        if (architecture.Positions == PositionEncoding.Learned)
            positions = new Parameter(ModuleTensors.Empty(architecture.ContextLength, width));
        else
            _rotary = new RotaryEmbedding(architecture);
        blocks = new ModuleList<DecoderBlock>([.. Enumerable.Range(0, architecture.Layers).Select(_ => new DecoderBlock(architecture, dropout))]);
        norm = new Normalization(architecture.Normalization, width, architecture.NormEpsilon, architecture.HasNormBias);
        if (!architecture.TieEmbeddings)
            head = Layer.Linear(width, architecture.VocabularySize, hasBias: false);
        RegisterComponents();
        Initialize();
    }

    public LanguageModelArchitecture Architecture { get; }

    /// <summary>Whether blocks keep only their input for the backward pass.</summary>
    public bool UsesRecompute { get; init; }

    /// <summary>Logits of the token that follows each position: [batch, time] to [batch, time, vocabulary].</summary>
    public Tensor Logits(Tensor sequences) => Head(Hidden(sequences));

    /// <summary>What the last block says of each position, normalized: [batch, time] to [batch, time, width].</summary>
    public Tensor Hidden(Tensor sequences)
    {
        long time = sequences.size(1);
        Tensor x = Embed(sequences, positions?.narrow(0, 0, time));
        RotaryPositions? rotary = Rotary(0, time);
        Tensor? mask = Architecture.SlidingWindow < time ? WindowMask(time, Architecture.SlidingWindow.Value) : null;
        foreach (DecoderBlock block in blocks)
            x = UsesRecompute ? Recompute.Call(input => block.Forward(input, rotary, mask), x) : block.Forward(x, rotary, mask);
        return norm.call(x);
    }

    /// <summary>
    /// The mean of −log p(target) over the targets that are not <see cref="NoTarget"/>, in nats, for sequences and targets [batch, time].
    /// </summary>
    public Tensor Loss(Tensor sequences, Tensor targets) =>
        F.cross_entropy(Logits(sequences).flatten(0, 1), targets.flatten(), ignore_index: NoTarget);

    /// <summary>−log p(target) of each position, [batch, time], 0 where there is no target; and whether the target was the most probable token.</summary>
    public (Tensor NegativeLogLikelihood, Tensor IsMostProbable) Score(Tensor sequences, Tensor targets)
    {
        Tensor logits = Logits(sequences).flatten(0, 1);
        Tensor losses = F.cross_entropy(logits, targets.flatten(), reduction: Reduction.None, ignore_index: NoTarget);
        return (losses.view(targets.shape), (logits.argmax(-1).view(targets.shape) == targets).to(ScalarType.Float32));
    }

    /// <summary>The target of a position that is not to be learned.</summary>
    public const long NoTarget = -100;

    /// <summary>Logits of the next token of each sequence, [batch, vocabulary], given those not yet cached.</summary>
    /// <param name="added">These tokens, [batch, added].</param>
    /// <param name="where">Their positions, [batch, added].</param>
    /// <param name="caches">Keys and values of each block.</param>
    /// <param name="store">As <see cref="DecoderBlock.Next"/> takes it.</param>
    /// <param name="mask">As <see cref="DecoderBlock.Next"/> takes it.</param>
    public Tensor Next(Tensor added, Tensor where, AttentionCache[] caches, Func<Tensor, Tensor, Tensor> store, Tensor mask)
    {
        Tensor x = Embed(added, positions is null ? null : At(positions));
        RotaryPositions? rotary = null;
        if (_rotary is not null)
        {
            (Tensor cosine, Tensor sine) = _rotary.Tables(Architecture.ContextLength, added.device);
            rotary = new RotaryPositions(_rotary, At(cosine).unsqueeze(1), At(sine).unsqueeze(1));
        }

        for (int i = 0; i < caches.Length; i++)
            x = blocks[i].Next(x, caches[i], store, rotary, mask);
        return Head(norm.call(x.narrow(1, x.size(1) - 1, 1))).squeeze(1);

        Tensor At(Tensor table) => table.index_select(0, where.flatten()).view(where.size(0), where.size(1), -1);
    }

    /// <summary>The attention of each block, [batch, heads, time, time], for sequences [batch, time].</summary>
    public IReadOnlyList<Tensor> Attention(Tensor sequences)
    {
        long time = sequences.size(1);
        Tensor x = Embed(sequences, positions?.narrow(0, 0, time));
        RotaryPositions? rotary = Rotary(0, time);
        Tensor mask = WindowMask(time, Architecture.SlidingWindow ?? time);
        List<Tensor> attention = [];
        foreach (DecoderBlock block in blocks)
        {
            attention.Add(block.Attention(x, rotary, mask));
            x = block.Forward(x, rotary, mask);
        }

        return attention;
    }

    public AttentionCache[] NewCaches(int batch, int length) => [.. blocks.Select(b => b.NewCache(batch, length))];

    private Tensor Embed(Tensor sequences, Tensor? where)
    {
        Tensor x = tokens.call(sequences);
        if (where is not null)
            x = x.Plus(where);
        return _dropout == 0 ? x : F.dropout(x, _dropout, training);
    }

    private Tensor Head(Tensor x) =>
        (head is null ? F.linear(MixedPrecision.Cast(x), MixedPrecision.Cast(tokens.weight!)) : head.call(x)).AsFloat32();

    private RotaryPositions? Rotary(long start, long length)
    {
        if (_rotary is null)
            return null;
        (Tensor cosine, Tensor sine) = _rotary.Tables(start + length, tokens.weight!.device);
        return new RotaryPositions(_rotary, cosine.narrow(0, start, length), sine.narrow(0, start, length));
    }

    // 0 for a position itself and those before it within the window, −∞ elsewhere.
    private Tensor WindowMask(long time, long window)
    {
        Tensor closed = full([time, time], float.NegativeInfinity, device: tokens.weight!.device);
        Tensor mask = closed.triu(1);
        if (window < time)
            mask = mask.Plus(closed.tril(-window));
        return MixedPrecision.Cast(mask);
    }

    // As GPT-2 begins: 0.02 everywhere, less where residuals add up, so that their sum does not grow with the depth.
    private void Initialize()
    {
        using IDisposable noGradient = no_grad();
        foreach ((string name, Parameter parameter) in named_parameters())
        {
            if (name.EndsWith(".bias", StringComparison.Ordinal))
                init.zeros_(parameter);
            else if (name == nameof(positions) || parameter.dim() == 2)
                init.normal_(parameter, 0, name.EndsWith("Out.weight", StringComparison.Ordinal) ? 0.02 / Math.Sqrt(2 * Architecture.Layers) : 0.02);
        }
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
}
