using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>The predictions of earlier steps, which multistep solvers extrapolate; the newest last.</summary>
/// <param name="order">The solver's order: how many are kept.</param>
internal sealed class SolverHistory(int order)
{
    private readonly List<SolverOutput> _outputs = [];

    /// <summary>Steps taken, at most the order.</summary>
    public int Steps { get; private set; }

    /// <summary>A prediction, counted from the newest with <c>^1</c>.</summary>
    public SolverOutput this[Index index] => _outputs[index.GetOffset(_outputs.Count)];

    public void Add(Tensor output, float lambda)
    {
        _outputs.Add(new SolverOutput(NoiseScheduler.Remember(output), lambda));
        if (_outputs.Count <= order)
            return;
        _outputs[0].Values.Dispose();
        _outputs.RemoveAt(0);
    }

    public void CountStep() => Steps = Math.Min(Steps + 1, order);

    public void Clear()
    {
        foreach (SolverOutput output in _outputs)
            output.Values.Dispose();
        _outputs.Clear();
        Steps = 0;
    }
}

/// <summary>A prediction as the solver integrates it.</summary>
/// <param name="Values">Image or noise.</param>
/// <param name="Lambda">λ of its sample.</param>
internal readonly record struct SolverOutput(Tensor Values, float Lambda);
