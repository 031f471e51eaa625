using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.VqVae.Networks;

/// <summary>
/// The prior p(codes) = Π p(code | codes before it), row by row: a causal transformer (Vaswani et al. 2017; layers normalized
/// first as in Radford et al. 2019) over the grid of codes.
/// </summary>
internal sealed class CodePriorNetwork : nn.Module
{
    private readonly EmbeddingTable codes;
    private readonly Parameter start;
    private readonly Parameter rows;
    private readonly Parameter columns;
    private readonly ModuleList<TransformerBlock> blocks;
    private readonly Normalization norm;
    private readonly Linear head;

    private readonly CodeGrid _grid;

    public CodePriorNetwork(VqVaeArchitecture architecture)
        : base(nameof(CodePriorNetwork))
    {
        CodeGrid grid = architecture.Grid;
        _grid = grid;
        int width = architecture.PriorEmbeddingSize;
        codes = new EmbeddingTable(architecture.CodebookSize, width);
        start = new Parameter(ModuleTensors.Zeros(1, 1, width));
        rows = new Parameter(ModuleTensors.Zeros(grid.Height, 1, width));
        columns = new Parameter(ModuleTensors.Zeros(1, grid.Width, width));
        TransformerBlockShape block = Block(architecture);
        blocks = new ModuleList<TransformerBlock>([.. ModuleTensors.Repeat(architecture.PriorLayers, () => new TransformerBlock(block))]);
        norm = Normalization.Of(block);
        head = new Linear(width, architecture.CodebookSize);
        RegisterComponents();

        // Small, as GPT-2 starts: what a block adds is then not drowned by what it is added to.
        foreach (Tensor embedding in (Tensor[])[codes.Weight, start, rows, columns])
            init.normal_(embedding, 0, 0.02);
    }

    /// <summary>
    /// Logits of every code given those before it: [batch, codes] to [batch, codes, codebook].
    /// </summary>
    public Tensor Logits(Tensor grid)
    {
        Tensor before = codes.call(grid.narrow(1, 0, grid.size(1) - 1)); // [batch, codes − 1, width]
        Tensor first = start.expand(grid.size(0), 1, -1); // [batch, 1, width]
        Tensor x = cat([first, before], 1).Plus(Positions());
        foreach (TransformerBlock block in blocks)
            x = block.Forward(x);
        return head.call(norm.call(x)).AsFloat32();
    }

    /// <summary>−log p of grids in nats: [batch, codes] to [batch].</summary>
    public Tensor NegativeLogLikelihood(Tensor grid) =>
        CrossEntropy.PerRow(Logits(grid).flatten(0, 1), grid.flatten()).view(grid.shape).sum(1);

    /// <summary>Logits of the next code, [batch, codebook], given the codes before it one by one.</summary>
    /// <param name="previous">The code before, [batch]; <see langword="null"/> at the first position.</param>
    /// <param name="position">The position, counted row by row.</param>
    /// <param name="cache">What the blocks keep of the codes before, from <see cref="NewCache"/>.</param>
    public Tensor Next(Tensor? previous, int position, AttentionCache[] cache)
    {
        long batch = cache[0].Keys.size(0);
        Tensor code = previous is null ? start.expand(batch, 1, -1) : codes.call(previous.unsqueeze(1)); // [batch, 1, width]
        Tensor x = code.Plus(rows[position / _grid.Width]).Plus(columns[0, position % _grid.Width]);
        for (int i = 0; i < cache.Length; i++)
            x = blocks[i].Next(x, cache[i], Store);
        return head.call(norm.call(x)).squeeze(1).AsFloat32(); // [batch, codebook]

        Tensor Store(Tensor cached, Tensor added)
        {
            cached.narrow(2, position, 1).copy_(added);
            return cached.narrow(2, 0, position + 1); // [batch, heads, codes so far, headSize]
        }
    }

    public AttentionCache[] NewCache(int batch) => [.. blocks.Select(b => b.NewCache(batch, _grid.Size))];

    private static TransformerBlockShape Block(VqVaeArchitecture architecture) => new()
    {
        EmbeddingSize = architecture.PriorEmbeddingSize,
        Heads = architecture.PriorHeads,
        KeyValueHeads = architecture.PriorHeads,
        HeadSize = architecture.PriorEmbeddingSize / architecture.PriorHeads,
        FeedForwardSize = 4 * architecture.PriorEmbeddingSize,
    };

    // [codes, width]
    private Tensor Positions() => rows.Plus(columns).flatten(0, 1);
}
