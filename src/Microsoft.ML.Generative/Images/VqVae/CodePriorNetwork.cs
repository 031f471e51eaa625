using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>
/// The prior p(codes) = Π p(code | codes before it), row by row: a causal transformer (Vaswani et al. 2017; layers normalised
/// first as in Radford et al. 2019) over the grid of codes.
/// </summary>
internal sealed class CodePriorNetwork : nn.Module
{
    private readonly Embedding codes;
    private readonly Parameter start;
    private readonly Parameter rows;
    private readonly Parameter columns;
    private readonly ModuleList<CausalBlock> blocks;
    private readonly LayerNorm norm;
    private readonly Module<Tensor, Tensor> head;

    private readonly CodeGrid _grid;

    public CodePriorNetwork(VqVaeOptions options, CodeGrid grid)
        : base(nameof(CodePriorNetwork))
    {
        _grid = grid;
        int width = options.PriorWidth;
        codes = Embedding(options.CodebookSize, width);
        start = new Parameter(zeros(1, 1, width));
        rows = new Parameter(zeros(grid.Height, 1, width));
        columns = new Parameter(zeros(1, grid.Width, width));
        blocks = new ModuleList<CausalBlock>([.. Enumerable.Range(0, options.PriorLayers).Select(_ => new CausalBlock(width, options.PriorHeads))]);
        norm = LayerNorm(width);
        head = Layer.Linear(width, options.CodebookSize);
        RegisterComponents();

        // Small, as GPT-2 starts: what a block adds is then not drowned by what it is added to.
        foreach (Tensor embedding in (Tensor[])[codes.weight!, start, rows, columns])
            init.normal_(embedding, 0, 0.02);
    }

    /// <inheritdoc cref="VqVaeNetwork.CountParameters"/>
    public static long CountParameters(VqVaeOptions options, CodeGrid grid)
    {
        long width = options.PriorWidth;
        long block = checked(12 * width * width + 13 * width);
        return checked((options.CodebookSize + 1L + grid.Height + grid.Width) * width + options.PriorLayers * block + 2 * width
            + (width + 1) * options.CodebookSize);
    }

    /// <summary>
    /// Logits of every code given those before it: [batch, codes] to [batch, codes, codebook].
    /// </summary>
    public Tensor Logits(Tensor grid)
    {
        Tensor before = codes.call(grid.narrow(1, 0, grid.size(1) - 1));
        Tensor first = start.expand(grid.size(0), 1, -1);
        Tensor x = cat([first, before], 1) + Positions();
        foreach (CausalBlock block in blocks)
            x = block.Forward(x);
        return head.call(norm.call(x)).AsFloat32();
    }

    /// <summary>−log p of grids in nats: [batch, codes] to [batch].</summary>
    public Tensor NegativeLogLikelihood(Tensor grid) =>
        F.cross_entropy(Logits(grid).flatten(0, 1), grid.flatten(), reduction: Reduction.None).view(grid.shape).sum(1);

    /// <summary>Logits of the next code, [batch, codebook], in a sequence that is told code by code.</summary>
    /// <param name="previous">The code before, [batch]; <see langword="null"/> at the first position.</param>
    /// <param name="position">The position, counted row by row.</param>
    /// <param name="cache">What the blocks keep of the codes before, from <see cref="NewCache"/>.</param>
    public Tensor Next(Tensor? previous, int position, AttentionCache[] cache)
    {
        long batch = cache[0].Keys.size(0);
        Tensor code = previous is null ? start.expand(batch, 1, -1) : codes.call(previous.unsqueeze(1));
        Tensor x = code + rows[position / _grid.Width] + columns[0, position % _grid.Width];
        for (int i = 0; i < cache.Length; i++)
            x = blocks[i].Next(x, position, cache[i]);
        return head.call(norm.call(x)).squeeze(1).AsFloat32();
    }

    public AttentionCache[] NewCache(int batch) => [.. blocks.Select(b => b.NewCache(batch, _grid.Size))];

    private Tensor Positions() => (rows + columns).flatten(0, 1);
}

/// <summary>Keys and values of the positions seen so far, [batch, heads, positions, size].</summary>
internal readonly record struct AttentionCache(Tensor Keys, Tensor Values);

/// <summary>Causal self-attention and a perceptron, each with its layer normalisation before it and a shortcut around it.</summary>
internal sealed class CausalBlock : nn.Module
{
    private readonly LayerNorm attentionNorm;
    private readonly Module<Tensor, Tensor> queriesKeysValues;
    private readonly Module<Tensor, Tensor> attentionOut;
    private readonly LayerNorm perceptronNorm;
    private readonly Module<Tensor, Tensor> perceptronIn;
    private readonly Module<Tensor, Tensor> perceptronOut;

    private readonly int _heads;

    public CausalBlock(int width, int heads)
        : base(nameof(CausalBlock))
    {
        _heads = heads;
        attentionNorm = LayerNorm(width);
        queriesKeysValues = Layer.Linear(width, 3 * width);
        attentionOut = Layer.Linear(width, width);
        perceptronNorm = LayerNorm(width);
        perceptronIn = Layer.Linear(width, 4 * width);
        perceptronOut = Layer.Linear(4 * width, width);
        RegisterComponents();
    }

    /// <summary>All positions at once: [batch, positions, width].</summary>
    public Tensor Forward(Tensor x)
    {
        Tensor[] parts = Split(attentionNorm.call(x));
        Tensor attended = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true);
        return Finish(x, attended);
    }

    /// <summary>One more position: [batch, 1, width].</summary>
    public Tensor Next(Tensor x, int position, AttentionCache cache)
    {
        Tensor[] parts = Split(attentionNorm.call(x));
        cache.Keys.narrow(2, position, 1).copy_(parts[1]);
        cache.Values.narrow(2, position, 1).copy_(parts[2]);
        Tensor attended = F.scaled_dot_product_attention(
            parts[0], cache.Keys.narrow(2, 0, position + 1), cache.Values.narrow(2, 0, position + 1));
        return Finish(x, attended);
    }

    public AttentionCache NewCache(int batch, int positions)
    {
        Tensor weight = perceptronNorm.weight!;
        long[] shape = [batch, _heads, positions, weight.size(0) / _heads];
        return new AttentionCache(empty(shape, device: weight.device, dtype: weight.dtype), empty(shape, device: weight.device, dtype: weight.dtype));
    }

    // Queries, keys and values, each [batch, heads, positions, size].
    private Tensor[] Split(Tensor x) =>
        queriesKeysValues.call(x).view(x.size(0), x.size(1), 3, _heads, -1).permute(2, 0, 3, 1, 4).unbind(0);

    private Tensor Finish(Tensor x, Tensor attended)
    {
        x = x + attentionOut.call(attended.transpose(1, 2).flatten(2));
        return x + perceptronOut.call(F.gelu(perceptronIn.call(perceptronNorm.call(x))));
    }
}
