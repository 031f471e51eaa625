using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;
using Module10.Models;

namespace Module10.Rooms.Art;

/// <summary>A diffusion model of drawn shapes, conditioned on shape and color.</summary>
internal sealed class ArtModel(CapstoneOptions options) : RoomModel(options, "art")
{
    public DiffusionTransformer Model => Require<DiffusionTransformer>();

    protected override (ITransformer Model, IDataView Data) Train(
        MLContext ml, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        IDataView shapes = DrawnShapes.Draw(ml, Options.Steps(15_000) + DrawnShapes.ClassNames.Length, seed: 1);
        return (ml.Transforms.Generative().Diffusion(new DiffusionOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            BlockChannels = [16, 32, 64],
            NoiseSchedule = new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine },
            Prediction = PredictionType.Velocity,
            Sampler = DiffusionSampler.DpmSolver,
            Steps = 20,
            MaxSteps = Options.Steps(1_800),
            BatchSize = 32,
            LearningRate = 2e-3,
            EmaDecay = 0.99,
            Threads = CapstoneOptions.Threads,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(shapes), shapes);
    }
}
