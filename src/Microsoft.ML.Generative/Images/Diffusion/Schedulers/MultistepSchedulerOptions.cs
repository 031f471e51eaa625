using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>What the options of the multistep solvers have in common.</summary>
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

    /// <summary>Where the last step goes. Default: <see cref="FinalSigmasType.Zero"/>.</summary>
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

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Between(SolverOrder, 1, 3);
        OptionChecks.Defined(FinalSigmasType);
        OptionChecks.Between(DynamicThresholdingRatio, 0, 1);
        OptionChecks.Positive(SampleMaxValue);
    }
}
