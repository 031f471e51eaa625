using System.Diagnostics;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Whether steps are faster with all threads or with the caller's alone, by the clock: where other processes keep the processors busy,
/// threads wait for each other. The slower way is tried again now and then.
/// </summary>
/// <param name="kinds">Kinds of steps. Those of a kind are of about the same length.</param>
internal sealed class SharingChoice(int kinds)
{
    // The slower way is taken so often at most, so that it costs little where it is much slower.
    private const int StepsBetweenTrials = 64;

    // A prompt has few steps: all but one of the first are shared.
    private const int FirstStepAlone = 4;
    private const double WeightOfNewest = 0.25;

    private readonly (double Shared, double Alone, int Steps)[] _known = new (double, double, int)[kinds];

    /// <summary>The way for the next step.</summary>
    public bool IsShared(int kind)
    {
        (double shared, double alone, int steps) = _known[kind];
        if (shared == 0 || alone == 0)
            return steps < FirstStepAlone;
        return shared <= alone != (steps % StepsBetweenTrials == StepsBetweenTrials - 1);
    }

    /// <param name="kind">The kind of step that was taken.</param>
    /// <param name="isShared">How it was.</param>
    /// <param name="ticks">Its time, of <see cref="Stopwatch"/>.</param>
    public void Add(int kind, bool isShared, long ticks)
    {
        ref (double Shared, double Alone, int Steps) known = ref _known[kind];
        // In the first step, threads begin, and code is compiled.
        if (known.Steps++ == 0)
            return;
        ref double average = ref isShared ? ref known.Shared : ref known.Alone;
        average = average == 0 ? Math.Max(ticks, 1) : double.Lerp(average, ticks, WeightOfNewest);
    }
}
