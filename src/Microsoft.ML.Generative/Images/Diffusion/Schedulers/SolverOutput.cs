using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>What the predictor has said, converted.</summary>
/// <param name="Values">What it said.</param>
/// <param name="Lambda">Where.</param>
internal readonly record struct SolverOutput(Tensor Values, float Lambda);
