using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests.Text.Alignment;

/// <summary>Published numbers of TRL and torchtune, and values computed by hand.</summary>
public sealed class AlignmentLossesTests
{
    // torchtune's inputs: 0, 10 and 20 more than the reference prefers.
    private static readonly float[] _margins =
        [-0.5f + 0.1f - (-0.5f + 0.1f), -10 + 30 - (-10.1f + 20.1f), -1 + 21 - (-0.1f + 0.1f)];

    [Theory]
    [InlineData(DpoLoss.Sigmoid, 0, 0.693147, 0.313262, 0.126928)]
    [InlineData(DpoLoss.Sigmoid, 0.1, 0.693147, 0.413262, 0.326928)]
    [InlineData(DpoLoss.Hinge, 0, 1, 0, 0)]
    [InlineData(DpoLoss.Robust, 0.1, 0.693147, 0.188262, -0.123072)]
    [InlineData(DpoLoss.Ipo, 0, 25, 25, 225)]
    public void Losses_of_preferences_are_those_of_torchtune(DpoLoss loss, double smoothing, double first, double second, double third)
    {
        using DisposeScope scope = NewDisposeScope();
        AssertClose([first, second, third], PreferenceLosses.Dpo(tensor(_margins), loss, beta: 0.1, smoothing), 1e-4);
    }

    [Fact]
    public void The_loss_of_KTO_compares_with_the_reference_point()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ratios = tensor(new[] { 0f, 0.1f, -0.9f }), kl = tensor(2f);
        AssertClose([0.549834, 0.547358, 0.571996], PreferenceLosses.Kto(ratios, ones(3), kl, 0.1), 1e-6);
        // 1 − σ(β(kl − r))
        double[] bad = [.. new[] { 0, 0.1, -0.9 }.Select(r => 1 - 1 / (1 + Math.Exp(-0.1 * (2 - r))))];
        AssertClose(bad, PreferenceLosses.Kto(ratios, zeros(3), kl, 0.1), 1e-6);
        AssertClose(
            [3 * 0.549834, 0.5 * bad[1]], PreferenceLosses.Kto(ratios.narrow(0, 0, 2), tensor(new[] { 1f, 0f }), kl, 0.1, 3, 0.5), 1e-5);
    }

    [Fact]
    public void The_reference_point_of_KTO_is_at_least_0_and_has_no_gradient()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ratios = tensor(new[] { 1f, 2f, 6f }, requires_grad: true);
        Tensor kl = PreferenceLosses.KtoReference(ratios);
        AssertClose([3], kl, 1e-6);
        Assert.False(kl.requires_grad);
        AssertClose([0], PreferenceLosses.KtoReference(tensor(new[] { -1f, -5f })), 0);
    }

    [Fact]
    public void Clipping_is_pessimistic()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ratio = tensor(new[] { MathF.E, 1 / MathF.E, MathF.E, 1 / MathF.E });
        Tensor advantages = tensor(new[] { 1f, 1f, -1f, -1f });
        AssertClose([-1.2, -1 / Math.E, Math.E, 0.8], ClippedPolicyLoss.Of(ratio, advantages, 0.2, 0.2), 1e-5);
        AssertClose([-1.4, -1 / Math.E, Math.E, 0.8], ClippedPolicyLoss.Of(ratio, advantages, 0.2, 0.4), 1e-5);
        AssertClose([1, 0, 0, 1], PolicyLosses.IsClipped(ratio, advantages, 0.2, 0.2).to(float32), 0);
        AssertClose([0], PolicyLosses.IsClipped(tensor(new[] { 5f }), tensor(new[] { 0f }), 0.2, 0.2).to(float32), 0);
    }

    [Fact]
    public void Values_are_clipped_around_the_old_ones()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = tensor(new[] { 1f, 0.1f }), old = tensor(new[] { 0f, 0f }), returns = tensor(new[] { 1f, 1f });
        // The first has moved further than allowed: what counts is 0.2, whose error is larger.
        AssertClose([0.5 * 0.64, 0.5 * 0.81], PolicyLosses.ClippedValue(values, old, returns, 0.2), 1e-6);
    }

    [Theory]
    [InlineData(KlEstimator.K1, 0.1)]
    [InlineData(KlEstimator.K2, 0.005)]
    [InlineData(KlEstimator.K3, 0.004837418)]
    public void Estimates_of_KL_have_their_values_and_sign(KlEstimator estimator, double expected)
    {
        using DisposeScope scope = NewDisposeScope();
        AssertClose([expected], PolicyLosses.Kl(tensor(new[] { 0.1f }), estimator), 1e-7);
        // The divergence of a policy from itself.
        AssertClose([0], PolicyLosses.Kl(tensor(new[] { 0f }), estimator), 0);
    }

    [Fact]
    public void K3_is_the_divergence_in_the_mean_over_what_the_policy_samples()
    {
        using DisposeScope scope = NewDisposeScope();
        double[] p = [0.5, 0.3, 0.2], q = [0.2, 0.2, 0.6];
        double divergence = p.Zip(q, (a, b) => a * Math.Log(a / b)).Sum();
        float[] estimates = TensorMemory.ToArray<float>(
            PolicyLosses.Kl(tensor(p.Zip(q, (a, b) => (float)Math.Log(a / b)).ToArray()), KlEstimator.K3));
        Assert.Equal(divergence, p.Zip(estimates, (a, k) => a * k).Sum(), 6);
    }

    // Losses 1, 2, 3 | 4 with 3 and 1 tokens, at most 5.
    [Theory]
    [InlineData(LossReduction.Grpo, (2 + 4) / 2.0)]
    [InlineData(LossReduction.Bnpo, 10 / 4.0)]
    [InlineData(LossReduction.Dapo, 10 / 4.0)]
    [InlineData(LossReduction.DrGrpo, 10 / (2 * 5.0))]
    public void Losses_of_tokens_are_reduced_as_published(LossReduction reduction, double expected)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor losses = tensor(new float[] { 1, 2, 3, 4, 99, 99 }, [2, 3]), mask = tensor(new float[] { 1, 1, 1, 1, 0, 0 }, [2, 3]);
        AssertClose([expected], PolicyLosses.Reduce(losses, mask, reduction, 5).view(1), 1e-6);
        // A row that is masked as a whole is not there.
        Tensor withEmpty = cat([losses, full_like(losses, 7)]), mask2 = cat([mask, zeros_like(mask)]);
        AssertClose([expected], PolicyLosses.Reduce(withEmpty, mask2, reduction, 5).view(1), 1e-6);
        AssertClose([0], PolicyLosses.Reduce(losses, zeros_like(mask), reduction, 5).view(1), 0);
    }

    [Theory]
    [InlineData(LossReduction.Grpo)]
    [InlineData(LossReduction.Dapo)]
    [InlineData(LossReduction.DrGrpo)]
    public void Batches_of_a_step_count_as_one_whatever_their_numbers_of_tokens(LossReduction reduction)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor losses = randn(4, 6);
        int[] lengths = [6, 1, 0, 3];
        Tensor mask = stack([.. lengths.Select(n => cat([ones(n), zeros(6 - n)]))]);
        double whole = PolicyLosses.Reduce(losses, mask, reduction, 6).ToDouble();
        (double sum, double weights) = (0, 0);
        for (int i = 0; i < 4; i++)
        {
            long weight = PolicyLosses.WeightOf([lengths[i]], reduction);
            sum += weight * PolicyLosses.Reduce(losses.narrow(0, i, 1), mask.narrow(0, i, 1), reduction, 6).ToDouble();
            weights += weight;
        }

        Assert.Equal(PolicyLosses.WeightOf(lengths, reduction), weights);
        Assert.Equal(whole, sum / weights, 5);
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_sampler_at_its_temperature_and_over_its_tokens()
    {
        using DisposeScope scope = NewDisposeScope();
        // Of four tokens of the network, the tokenizer knows three.
        Tensor logits = tensor(new[] { 1f, 2f, 3f, 50f, 0f, 0f, 0f, 50f }, [1, 2, 4]);
        Tensor targets = tensor(new[] { 1L, LanguageModelNetwork.NoTarget }, [1, 2]);
        TokenLogProbabilities found = TokenLogProbabilities.Of(logits, targets, temperature: 0.5, vocabulary: 3, withEntropy: true);
        double[] weights = [Math.Exp(2), Math.Exp(4), Math.Exp(6)];
        AssertClose([Math.Log(weights[1] / weights.Sum()), 0], found.Values.view(2), 1e-5);
        double[] p = [.. weights.Select(w => w / weights.Sum())];
        AssertClose([-p.Sum(x => x * Math.Log(x)), Math.Log(3)], found.Entropy!.view(2), 1e-5);

        var sampler = new Microsoft.ML.Generative.Text.Decoding.TokenSampler(new TextGenerationOptions { Temperature = 0.5 }, 3);
        Assert.Equal(Math.Log(sampler.Distribution([1, 2, 3])[1]), found.Values[0, 0].ToDouble(), 5);
    }

    private static void AssertClose(double[] expected, Tensor actual, double tolerance)
    {
        float[] found = TensorMemory.ToArray<float>(actual);
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - found[i]) <= tolerance, $"{i}: {found[i]}, expected {expected[i]}");
    }
}
