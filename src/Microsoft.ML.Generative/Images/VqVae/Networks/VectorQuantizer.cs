using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.VqVae.Networks;

/// <summary>
/// Replaces vectors by the nearest ones of a codebook (van den Oord, Vinyals, Kavukcuoglu 2017, eq. 1), which follows them by
/// exponential moving averages (appendix A.1) instead of gradients. All its state is in buffers.
/// </summary>
internal sealed class VectorQuantizer : nn.Module
{
    // The paper's N, m and e: how many vectors a code stands for, their sum, and their mean.
    private readonly Tensor usage;
    private readonly Tensor sums;
    private readonly Tensor codebook;

    private readonly int _codebookSize;

    // Added to every count (Laplace smoothing), so that a code without vectors is not divided by 0.
    private const double Smoothing = 1e-5;

    /// <param name="codebookSize">K: how many codes.</param>
    /// <param name="codeSize">D: dimensions of each.</param>
    public VectorQuantizer(int codebookSize, int codeSize)
        : base(nameof(VectorQuantizer))
    {
        _codebookSize = codebookSize;
        usage = ModuleTensors.Zeros(codebookSize);
        sums = ModuleTensors.Zeros(codebookSize, codeSize);
        codebook = ModuleTensors.Zeros(codebookSize, codeSize);
        RegisterComponents();
    }

    /// <summary>The dimensions of a code.</summary>
    public long CodeSize => codebook.size(1);

    /// <summary>The vectors of codes: [..] to [.., size].</summary>
    public Tensor Vectors(Tensor codes) => codebook.index_select(0, codes.flatten()).view([.. codes.shape, codebook.size(1)]);

    /// <summary>The codes of the nearest vectors: [vectors, size] to [vectors].</summary>
    public Tensor Nearest(Tensor vectors)
    {
        using IDisposable noGradient = no_grad();
        // |z − e|² without |z|², which is the same for all codes.
        Tensor squares = codebook.Squared().sum(1); // [codes]
        return addmm(squares, vectors, codebook.t(), beta: 1, alpha: -2).argmin(1); // [vectors]
    }

    /// <summary>The nearest vectors with the gradient of the vectors themselves: q going forward, z going back (section 3.2).</summary>
    public static Tensor StraightThrough(Tensor vectors, Tensor quantized) => vectors.Plus((quantized - vectors).detach());

    /// <summary>How many of the codes there are of each: [codes].</summary>
    public Tensor Count(Tensor codes) => bincount(codes.flatten(), minlength: _codebookSize).to(float32);

    /// <summary>exp of the entropy of the codes' usage: 1 when one code serves for all, the number of codes when all serve alike.</summary>
    public static Tensor Perplexity(Tensor counts)
    {
        Tensor shares = counts / counts.sum();
        return special.entr(shares).sum().exp();
    }

    /// <summary>Whether the codes have been taken from vectors.</summary>
    public bool IsInitialized
    {
        get
        {
            using Tensor total = usage.sum();
            // Counts are never all 0 again.
            return total.ToDouble() > 0;
        }
    }

    /// <summary>Takes the codes from the first vectors ever seen; later calls do nothing.</summary>
    public void Initialize(Tensor vectors, Generator generator)
    {
        if (IsInitialized)
            return;
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();

        long rows = vectors.size(0);
        Tensor order = randperm(rows, generator: generator);
        Tensor chosen = order.index_select(0, TensorFactory.Range(_codebookSize).Remainder(rows)).OnDevice(vectors.device);
        usage.FillInPlace((double)rows / _codebookSize);
        codebook.copy_(vectors.index_select(0, chosen));
        sums.copy_(codebook * usage.unsqueeze(1));
    }

    /// <summary>
    /// Moves the codes towards the vectors that chose them (eq. 6 to 8), and replaces those that hardly any vector chooses.
    /// </summary>
    /// <param name="vectors">[vectors, size].</param>
    /// <param name="codes">Their nearest codes.</param>
    /// <param name="decay">γ: the part of the averages that a batch leaves.</param>
    /// <param name="deadCodeThreshold">A code used less than this part of the average code is replaced.</param>
    /// <param name="generator">Samples the vectors that take the places of dead codes.</param>
    public void Learn(Tensor vectors, Tensor codes, double decay, double deadCodeThreshold, Generator generator)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        // [vectors, codes]
        Tensor chosenBy = codes.unsqueeze(1).eq(TensorFactory.Range(_codebookSize, device: codes.device)).to(vectors.dtype);
        usage.TimesInPlace(decay).PlusInPlace(chosenBy.sum([0]), 1 - decay);
        sums.TimesInPlace(decay).PlusInPlace(chosenBy.t().mm(vectors), 1 - decay);

        Tensor total = usage.sum();
        Tensor smoothed = usage.Plus(Smoothing) / total.Plus(_codebookSize * Smoothing) * total;
        codebook.copy_(sums / smoothed.unsqueeze(1));
        ReplaceDeadCodes(vectors, deadCodeThreshold, generator);
    }

    // A new code starts with the usage of an average one, and so has time to find its vectors.
    private void ReplaceDeadCodes(Tensor vectors, double deadCodeThreshold, Generator generator)
    {
        Tensor average = usage.mean();
        Tensor isDead = usage < average.Times(deadCodeThreshold);
        Tensor chosen = randint(0, vectors.size(0), [_codebookSize], generator: generator, dtype: int64).OnDevice(vectors.device);
        Tensor replacements = vectors.index_select(0, chosen);
        codebook.copy_(where(isDead.unsqueeze(1), replacements, codebook));
        sums.copy_(where(isDead.unsqueeze(1), replacements * average, sums));
        usage.copy_(where(isDead, average, usage));
    }
}
