using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>Trains a tabular softmax policy on sampled episodes (Sutton, Barto 2018, chapter 13).</summary>
internal sealed class PolicyGradient
{
    /// <summary>Samples an episode, learns from it and returns its discounted return.</summary>
    public delegate double Episode(PolicyGradient training, int start, ref RowRandom random);

    private readonly MarkovDecisionProcess _process;
    private readonly PolicyGradientOptions _options;
    private readonly SoftmaxPolicy _policy;
    private readonly double[] _values;

    private PolicyGradient(MarkovDecisionProcess process, PolicyGradientOptions options)
    {
        (_process, _options) = (process, options);
        _policy = new SoftmaxPolicy(
            (double[,]?)options.InitialPreferences?.Clone() ?? new double[process.StateCount, process.ActionCount]);
        _values = new double[process.StateCount];
    }

    /// <inheritdoc cref="MarkovDecisionProcess.Reinforce" path="/exception"/>
    public static PolicyGradientResult Train(MarkovDecisionProcess process, PolicyGradientOptions options, Episode episode)
    {
        options.Validate();
        if (options.InitialPreferences is { } preferences)
            process.CheckTable(preferences, nameof(options.InitialPreferences));
        if (options.StartState is { } first && (first < 0 || first >= process.StateCount || process.IsTerminal(first)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), first,
                $"{nameof(options.StartState)} is {first}; expected a state of 0 to {process.StateCount - 1} that is not terminal.");
        }

        int[] starts = options.StartState is { } start
            ? [start]
            : [.. Enumerable.Range(0, process.StateCount).Where(s => !process.IsTerminal(s))];
        if (starts.Length == 0)
            throw new ArgumentException("All states are terminal: there are no episodes to learn from.", nameof(process));
        return new PolicyGradient(process, options).Train(starts, episode);
    }

    private PolicyGradientResult Train(int[] starts, Episode episode)
    {
        var random = new RowRandom(_options.Seed ?? Random.Shared.Next(), 0);
        double[] returns = new double[_options.Episodes];
        double sum = 0;
        for (int i = 0; i < returns.Length; i++)
        {
            _options.CancellationToken.ThrowIfCancellationRequested();
            returns[i] = episode(this, starts[random.Next(starts.Length)], ref random);
            sum += returns[i];
            if (_options.Progress is { } progress && (i + 1) % _options.ReportInterval == 0)
            {
                progress.Report(new PolicyGradientProgress
                {
                    Episode = i + 1,
                    MeanReturn = sum / _options.ReportInterval,
                    Policy = _policy.Probabilities(),
                });
                sum = 0;
            }
        }

        return new PolicyGradientResult
        {
            Policy = _policy.Probabilities(),
            Preferences = _policy.Preferences,
            Values = _values,
            Returns = returns,
        };
    }

    // Sutton, Barto 2018, the algorithm of section 13.4; without the baseline that of section 13.3.
    public double Reinforce(int start, bool withBaseline, ref RowRandom random)
    {
        List<(int State, int Action, double Reward)> steps = [];
        for (int state = start; !_process.IsTerminal(state) && steps.Count < _options.MaxStepsPerEpisode;)
        {
            int action = _policy.Sample(state, ref random);
            StateTransition outcome = _process.Sample(state, action, ref random);
            steps.Add((state, action, outcome.Reward));
            state = outcome.Next;
        }

        double[] returns = new double[steps.Count + 1];
        for (int t = steps.Count - 1; t >= 0; t--)
            returns[t] = steps[t].Reward + _process.Discount * returns[t + 1];

        // All steps have the gradient of the policy that took them, and a baseline that knows nothing of the episode.
        double[][] policies = [.. steps.Select(step => _policy.Probabilities(step.State))];
        double[] advantages = [.. steps.Select((step, t) => returns[t] - _values[step.State])];
        double discount = 1;
        for (int t = 0; t < steps.Count; t++)
        {
            (int state, int action, _) = steps[t];
            _policy.Follow(state, action, policies[t], _options.LearningRate * discount * advantages[t]);
            if (withBaseline)
                _values[state] += _options.ValueLearningRate * (returns[t] - _values[state]);
            discount *= _process.Discount;
        }

        return returns[0];
    }

    // Sutton, Barto 2018, the algorithm of section 13.5.
    public double ActorCritic(int start, ref RowRandom random)
    {
        double discount = 1, discountedReturn = 0;
        int state = start;
        for (int step = 0; step < _options.MaxStepsPerEpisode && !_process.IsTerminal(state); step++)
        {
            int action = _policy.Sample(state, ref random);
            StateTransition outcome = _process.Sample(state, action, ref random);
            // The value of a terminal state stays 0.
            double difference = outcome.Reward + _process.Discount * _values[outcome.Next] - _values[state];
            _values[state] += _options.ValueLearningRate * difference;
            _policy.Follow(state, action, _policy.Probabilities(state), _options.LearningRate * discount * difference);
            discountedReturn += discount * outcome.Reward;
            discount *= _process.Discount;
            state = outcome.Next;
        }

        return discountedReturn;
    }
}
