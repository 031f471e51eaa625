namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>A place on the way: what image and noise are multiplied by.</summary>
/// <param name="Alpha">Of the image.</param>
/// <param name="Sigma">Of the noise.</param>
internal readonly record struct SolverPoint(float Alpha, float Sigma)
{
    /// <summary>log(α / σ); infinite without noise.</summary>
    public float Lambda => MathF.Log(Alpha) - MathF.Log(Sigma);

    /// <summary>From the noise beside an image of full size.</summary>
    public static SolverPoint Of(float sigma)
    {
        float alpha = 1 / MathF.Sqrt(sigma * sigma + 1);
        return new SolverPoint(alpha, sigma * alpha);
    }
}
