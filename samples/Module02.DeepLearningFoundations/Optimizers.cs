namespace Module02;

/// <summary>Turns a gradient into a step of the weights.</summary>
internal interface IOptimizer
{
    void Step(double[] weights, double[] gradient);
}

/// <summary>Steps against the gradient.</summary>
internal sealed class GradientDescent(double rate) : IOptimizer
{
    public void Step(double[] weights, double[] gradient)
    {
        for (int i = 0; i < weights.Length; i++)
            weights[i] -= rate * gradient[i];
    }
}

/// <summary>Steps with a velocity that accumulates past gradients, like a rolling ball (Polyak 1964).</summary>
internal sealed class MomentumDescent(double rate, double momentum = 0.9) : IOptimizer
{
    private double[] _velocity = [];

    public void Step(double[] weights, double[] gradient)
    {
        if (_velocity.Length == 0)
            _velocity = new double[weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            _velocity[i] = momentum * _velocity[i] + gradient[i];
            weights[i] -= rate * _velocity[i];
        }
    }
}

/// <summary>
/// Adapts the step of each weight: the mean of its gradients, divided by the root of the mean of their squares (Kingma, Ba 2014).
/// </summary>
internal sealed class Adam(double rate, double beta1 = 0.9, double beta2 = 0.999) : IOptimizer
{
    private double[] _mean = [];
    private double[] _square = [];
    private int _steps;

    public void Step(double[] weights, double[] gradient)
    {
        if (_steps++ == 0)
            (_mean, _square) = (new double[weights.Length], new double[weights.Length]);

        // Both means start at 0; the correction removes that bias.
        var (correction1, correction2) = (1 - Math.Pow(beta1, _steps), 1 - Math.Pow(beta2, _steps));
        for (int i = 0; i < weights.Length; i++)
        {
            _mean[i] = beta1 * _mean[i] + (1 - beta1) * gradient[i];
            _square[i] = beta2 * _square[i] + (1 - beta2) * gradient[i] * gradient[i];
            weights[i] -= rate * (_mean[i] / correction1) / (Math.Sqrt(_square[i] / correction2) + 1e-8);
        }
    }
}
