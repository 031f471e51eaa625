namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>
/// Noise counted by its standard deviation beside an image of full size, σ = √((1 − ᾱ) / ᾱ) (Karras et al. 2022), by timestep: table in
/// Float32, what is between its entries in Float64, as diffusers computes it.
/// </summary>
internal sealed class SigmaTable
{
    private const double KarrasRho = 7;

    private readonly double[] _sigmas;
    private readonly double[] _logarithms;

    public SigmaTable(float[] alphasCumulative)
    {
        _sigmas = [.. alphasCumulative.Select(a => (double)MathF.Sqrt((1 - a) / a))];
        _logarithms = [.. _sigmas.Select(s => (double)MathF.Log((float)s))];
    }

    public double Lowest => _sigmas[0];

    public double Highest => _sigmas[^1];

    public IReadOnlyList<double> All => _sigmas;

    /// <summary>σ of a timestep, linear between whole ones.</summary>
    public double At(double timestep)
    {
        int low = Math.Clamp((int)Math.Floor(timestep), 0, _sigmas.Length - 1), high = Math.Min(low + 1, _sigmas.Length - 1);
        return timestep <= 0 ? _sigmas[0] : _sigmas[low] + (timestep - low) * (_sigmas[high] - _sigmas[low]);
    }

    /// <summary>The timestep of σ, linear in its logarithm.</summary>
    public double TimestepOf(double sigma)
    {
        double logarithm = Math.Log(Math.Max(sigma, 1e-10));
        int low = 0;
        for (int i = 0; i < _logarithms.Length; i++)
        {
            if (logarithm >= _logarithms[i])
                low = i;
        }

        low = Math.Min(low, Math.Max(0, _logarithms.Length - 2));
        if (_logarithms.Length == 1)
            return 0;
        // The last timesteps of a process that ends with nothing but noise may be equal.
        double width = _logarithms[low] - _logarithms[low + 1];
        double part = width == 0 ? 1 : Math.Clamp((_logarithms[low] - logarithm) / width, 0, 1);
        return (1 - part) * low + part * (low + 1);
    }

    /// <summary>From the largest to the smallest so that steps are short where the noise is little (Karras et al. 2022, eq. 5).</summary>
    public static double[] Karras(double highest, double lowest, int count) =>
        [.. TimestepGrid.Linspace(0, 1, count).Select(x => Math.Pow(
            Math.Pow(highest, 1 / KarrasRho) + x * (Math.Pow(lowest, 1 / KarrasRho) - Math.Pow(highest, 1 / KarrasRho)), KarrasRho))];

    /// <summary>From the largest to the smallest, evenly in the logarithm.</summary>
    public static double[] Exponential(double highest, double lowest, int count) =>
        [.. TimestepGrid.Linspace(Math.Log(highest), Math.Log(lowest), count).Select(Math.Exp)];
}
