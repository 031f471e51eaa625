using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(nameof(GlobalTorchState))]
public class SchedulerMemoryTests
{
    [Fact]
    public void A_step_leaves_nothing_but_its_two_results()
    {
        foreach (Func<NoiseScheduler> create in (Func<NoiseScheduler>[])[
            () => new DdpmScheduler(), () => new DdimScheduler(), () => new PndmScheduler(new() { SkipPrkSteps = true }),
            () => new LmsScheduler(), () => new HeunScheduler(),
            () => new DpmSolverMultistepScheduler(new() { SolverOrder = 3 }), () => new UniPcScheduler(),
            () => new FlowMatchEulerScheduler()])
        {
            long growth = TensorCounts.Growth(
                () =>
                {
                    using NoiseScheduler scheduler = create();
                    scheduler.SetTimesteps(8);
                    Tensor sample = randn(1, 1, 2, 2);
                    foreach (double t in scheduler.Timesteps)
                    {
                        using Tensor before = sample;
                        SchedulerStep step = scheduler.Step(sample, t, sample);
                        step.PredictedOriginal.Dispose();
                        sample = step.Previous;
                    }

                    sample.Dispose();
                },
                times: 5);
            Assert.Equal(0, growth);
        }
    }
}
