using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>The settings that the multistep solvers have.</summary>
/// <inheritdoc cref="NoiseSchedulerOptions" path="/remarks"/>
public abstract record MultistepSchedulerOptions : SigmaSchedulerOptions
{
    private protected MultistepSchedulerOptions()
    {
    }

    /// <summary>The solver's order, 1 to 3: 2 with guidance, 3 without. Default: 2.</summary>
    [JsonPropertyName("solver_order")]
    public int SolverOrder { get; init; } = 2;

    /// <summary>Whether the last steps are of lower order, for few steps. Default: true.</summary>
    [JsonPropertyName("lower_order_final")]
    public bool LowerOrderFinal { get; init; } = true;

    /// <summary>The noise after the last step. Default: <see cref="FinalSigmasType.Zero"/>.</summary>
    [JsonPropertyName("final_sigmas_type")]
    public FinalSigmasType FinalSigmasType { get; init; }

    /// <summary>Dynamic thresholding of predicted images (Saharia et al. 2022). Default: false.</summary>
    [JsonPropertyName("thresholding")]
    public bool Thresholding { get; init; }

    /// <summary>The quantile of dynamic thresholding, 0 to 1. Default: 0.995.</summary>
    [JsonPropertyName("dynamic_thresholding_ratio")]
    public double DynamicThresholdingRatio { get; init; } = 0.995;

    /// <summary>The largest threshold of dynamic thresholding, above 0. Default: 1.</summary>
    [JsonPropertyName("sample_max_value")]
    public double SampleMaxValue { get; init; } = 1;

    /// <summary>σ at the end of the last step.</summary>
    internal double LastSigma(SigmaTable table) => FinalSigmasType == FinalSigmasType.Zero ? 0 : table.Lowest;

    /// <summary>A predicted image within its bounds, if there are bounds.</summary>
    internal Tensor Threshold(Tensor image) =>
        Thresholding ? SampleThreshold.Dynamic(image, DynamicThresholdingRatio, SampleMaxValue) : image;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Between(SolverOrder, 1, 3);
        OptionChecks.Defined(FinalSigmasType);
        OptionChecks.Between(DynamicThresholdingRatio, 0, 1);
        OptionChecks.Positive(SampleMaxValue);
    }
}
