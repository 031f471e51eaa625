using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Statistics;
using static System.FormattableString;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>
/// A finite Markov decision process: states, actions, transition probabilities, rewards and a discount (Sutton, Barto, "Reinforcement
/// learning", 2018, chapter 3), small enough to be solved exactly.
/// </summary>
/// <remarks>
/// <para>
/// A state is terminal if all its actions stay in it without reward: episodes end there, and its value is 0. A process without terminal
/// states goes on forever; its discount has to be below 1.
/// </para>
/// <para>
/// Policies are probabilities of actions, [state, action]. Objects do not change; all methods may be called from several threads.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// using Microsoft.ML.Generative.ReinforcementLearning;
///
/// // A corridor of five states; 0 is left, 1 is right, and the right end pays 1.
/// var corridor = new MarkovDecisionProcess(stateCount: 5, actionCount: 2, discount: 0.9, (state, action) =>
/// {
///     if (state == 4)
///         return [new StateTransition(4, 1, 0)];
///     int next = Math.Max(0, state + (action == 1 ? 1 : -1));
///     return [new StateTransition(next, 1, next == 4 ? 1 : 0)];
/// });
/// MdpSolution optimum = corridor.PolicyIteration();   // Values: 0.729, 0.81, 0.9, 1, 0
/// PolicyGradientResult learned = corridor.ActorCritic(new PolicyGradientOptions { Episodes = 500, Seed = 1 });
/// double[] values = corridor.Evaluate(learned.Policy);
/// </code>
/// </example>
public sealed class MarkovDecisionProcess
{
    private readonly StateTransition[][] _outcomes;
    private readonly double[] _rewards;
    private readonly bool[] _isTerminal;

    /// <summary>Creates a process from a function.</summary>
    /// <param name="stateCount">The number of states, at least 1.</param>
    /// <param name="actionCount">The number of actions, at least 1; each is possible in every state.</param>
    /// <param name="discount">γ, 0 to 1.</param>
    /// <param name="outcomes">The outcomes of an action in a state, called once for each state and action.</param>
    /// <exception cref="ArgumentException">
    /// A number is out of its range, probabilities do not sum to 1, or a reward is not finite; the message names state and action.
    /// </exception>
    public MarkovDecisionProcess(
        int stateCount, int actionCount, double discount, Func<int, int, IEnumerable<StateTransition>> outcomes)
    {
        OptionChecks.AtLeast(stateCount, 1);
        OptionChecks.AtLeast(actionCount, 1);
        OptionChecks.Between(discount, 0, 1);
        ArgumentNullException.ThrowIfNull(outcomes);
        (StateCount, ActionCount, Discount) = (stateCount, actionCount, discount);
        _outcomes = new StateTransition[checked(stateCount * actionCount)][];
        _rewards = new double[_outcomes.Length];
        for (int i = 0; i < _outcomes.Length; i++)
        {
            StateTransition[] all = [.. outcomes(i / actionCount, i % actionCount) ?? []];
            Check(all, i / actionCount, i % actionCount);
            _outcomes[i] = [.. all.Where(t => t.Probability > 0)];
            _rewards[i] = _outcomes[i].Sum(t => t.Probability * t.Reward);
        }

        _isTerminal = [.. Enumerable.Range(0, stateCount).Select(StaysWithoutReward)];
    }

    /// <summary>Creates a process from tables.</summary>
    /// <param name="transitions">The probability of each next state, [state, action, next state].</param>
    /// <param name="rewards">The reward of an action, [state, action].</param>
    /// <param name="discount">γ, 0 to 1.</param>
    /// <exception cref="ArgumentException">
    /// The tables are of different sizes, probabilities do not sum to 1, a reward is not finite, or the discount is out of its range.
    /// </exception>
    public MarkovDecisionProcess(double[,,] transitions, double[,] rewards, double discount)
        : this(Checked(transitions, rewards), transitions.GetLength(1), discount, (state, action) => Enumerable
            .Range(0, transitions.GetLength(2))
            .Select(next => new StateTransition(next, transitions[state, action, next], rewards[state, action])))
    {
    }

    /// <summary>The number of states.</summary>
    public int StateCount { get; }

    /// <summary>The number of actions.</summary>
    public int ActionCount { get; }

    /// <summary>γ: what a reward one step later is worth, 0 to 1.</summary>
    public double Discount { get; }

    /// <summary>Whether episodes end in a state: all its actions stay in it without reward.</summary>
    /// <param name="state">The state, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such state.</exception>
    public bool IsTerminal(int state)
    {
        CheckState(state);
        return _isTerminal[state];
    }

    /// <summary>The outcomes of an action that have a probability above 0.</summary>
    /// <param name="state">The state, from 0.</param>
    /// <param name="action">The action, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such state or action.</exception>
    public IReadOnlyList<StateTransition> Outcomes(int state, int action)
    {
        CheckState(state);
        CheckAction(action);
        return Array.AsReadOnly(_outcomes[Index(state, action)]);
    }

    /// <summary>The expected reward of an action.</summary>
    /// <inheritdoc cref="Outcomes" path="/param|/exception"/>
    public double ExpectedReward(int state, int action)
    {
        CheckState(state);
        CheckAction(action);
        return _rewards[Index(state, action)];
    }

    /// <summary>The policy that takes each action with the same probability.</summary>
    /// <returns>Probabilities, [state, action].</returns>
    public double[,] UniformPolicy()
    {
        double[,] policy = new double[StateCount, ActionCount];
        for (int i = 0; i < _outcomes.Length; i++)
            policy[i / ActionCount, i % ActionCount] = 1.0 / ActionCount;
        return policy;
    }

    /// <summary>The values of the states under a policy: the solution of Bellman's equation v = r + γ·P·v (eq. 3.14), exact.</summary>
    /// <param name="policy">Probabilities, [state, action].</param>
    /// <returns>The expected discounted reward from each state on.</returns>
    /// <remarks>Takes time in the third and memory in the second power of the number of states.</remarks>
    /// <exception cref="ArgumentException">The policy has another size, or a row of it is no distribution.</exception>
    /// <exception cref="InvalidOperationException">
    /// The discount is 1, and the policy may never reach a terminal state: its values are not defined.
    /// </exception>
    public double[] Evaluate(double[,] policy)
    {
        CheckPolicy(policy);
        return PolicyEvaluation.Solve(this, policy);
    }

    /// <summary>The values of actions where the states that follow have given values: r + γ·Σ p·v (eq. 4.6).</summary>
    /// <param name="values">A value for each state.</param>
    /// <returns>[state, action].</returns>
    /// <exception cref="ArgumentException">The number of values is another than that of states.</exception>
    public double[,] ActionValues(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Count != StateCount)
            throw new ArgumentException($"There are {values.Count} values; expected {StateCount}, one for each state.", nameof(values));
        double[,] actionValues = new double[StateCount, ActionCount];
        for (int state = 0; state < StateCount; state++)
        {
            for (int action = 0; action < ActionCount; action++)
                actionValues[state, action] = ActionValue(state, action, values);
        }

        return actionValues;
    }

    /// <summary>Finds the optimal policy by value iteration (Sutton, Barto 2018, section 4.4).</summary>
    /// <param name="tolerance">
    /// How far the values may be from the optimum, above 0; with a discount of 1, by how much the last sweep may have changed them.
    /// </param>
    /// <param name="maxSweeps">The most sweeps over all states, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    /// <exception cref="InvalidOperationException">The values have not converged after all sweeps.</exception>
    public MdpSolution ValueIteration(double tolerance = 1e-10, int maxSweeps = 100_000)
    {
        OptionChecks.Positive(tolerance);
        OptionChecks.AtLeast(maxSweeps, 1);
        return DynamicProgramming.ValueIteration(this, tolerance, maxSweeps);
    }

    /// <summary>
    /// Finds the optimal policy by policy iteration, each policy evaluated exactly (Sutton, Barto 2018, section 4.3); it begins with
    /// <see cref="UniformPolicy"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The discount is 1, and a policy on the way may never reach a terminal state: its values are not defined.
    /// </exception>
    public MdpSolution PolicyIteration() => DynamicProgramming.PolicyIteration(this);

    /// <summary>
    /// Learns a policy from sampled episodes by REINFORCE (Williams 1992; Sutton, Barto 2018, sections 13.3 and 13.4): a softmax of a
    /// preference for each state and action, which follows the gradient of the return.
    /// </summary>
    /// <param name="options">Episodes, learning rates, seed. Default: those of new options.</param>
    /// <param name="withBaseline">
    /// Whether a learned value of the state is subtracted from the return: the same gradient on average, with less variance.
    /// </param>
    /// <exception cref="ArgumentException">An option is out of its range or does not fit the process; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public PolicyGradientResult Reinforce(PolicyGradientOptions? options = null, bool withBaseline = true) =>
        PolicyGradient.Train(this, options ?? new PolicyGradientOptions(), (PolicyGradient training, int start, ref RowRandom random) =>
            training.Reinforce(start, withBaseline, ref random));

    /// <summary>
    /// Learns a policy from sampled steps by the one-step actor-critic (Sutton, Barto 2018, section 13.5): as <see cref="Reinforce"/>, with
    /// the value of the next state in place of the rest of the return, and an update after each step.
    /// </summary>
    /// <inheritdoc cref="Reinforce" path="/param[@name='options']|/exception"/>
    public PolicyGradientResult ActorCritic(PolicyGradientOptions? options = null) =>
        PolicyGradient.Train(this, options ?? new PolicyGradientOptions(), (PolicyGradient training, int start, ref RowRandom random) =>
            training.ActorCritic(start, ref random));

    internal double ActionValue(int state, int action, IReadOnlyList<double> values)
    {
        double value = _rewards[Index(state, action)];
        foreach (StateTransition outcome in _outcomes[Index(state, action)])
        {
            // The value of a terminal state is 0, whatever it is said to be.
            if (!_isTerminal[outcome.Next])
                value += Discount * outcome.Probability * values[outcome.Next];
        }

        return value;
    }

    /// <summary>Samples the outcome of an action.</summary>
    internal StateTransition Sample(int state, int action, ref RowRandom random)
    {
        StateTransition[] outcomes = _outcomes[Index(state, action)];
        double rest = random.NextDouble();
        foreach (StateTransition outcome in outcomes)
        {
            rest -= outcome.Probability;
            if (rest < 0)
                return outcome;
        }

        // Probabilities may sum to a little less than 1.
        return outcomes[^1];
    }

    internal void CheckState(int state)
    {
        if (state < 0 || state >= StateCount)
            throw new ArgumentOutOfRangeException(
                nameof(state), state, $"The state is {state}; the process has 0 to {StateCount - 1}.");
    }

    /// <exception cref="ArgumentException">The table has another size.</exception>
    internal void CheckTable(double[,] table, string name)
    {
        ArgumentNullException.ThrowIfNull(table, name);
        if (table.GetLength(0) != StateCount || table.GetLength(1) != ActionCount)
        {
            throw new ArgumentException(
                $"{name} is [{table.GetLength(0)}, {table.GetLength(1)}]; expected [{StateCount}, {ActionCount}], states and actions.",
                name);
        }
    }

    private void CheckAction(int action)
    {
        if (action < 0 || action >= ActionCount)
            throw new ArgumentOutOfRangeException(
                nameof(action), action, $"The action is {action}; the process has 0 to {ActionCount - 1}.");
    }

    private void CheckPolicy(double[,] policy)
    {
        CheckTable(policy, nameof(policy));
        for (int state = 0; state < StateCount; state++)
        {
            double[] row = [.. Enumerable.Range(0, ActionCount).Select(action => policy[state, action])];
            Distributions.Check(row, $"{nameof(policy)} of state {state}");
        }
    }

    private void Check(StateTransition[] outcomes, int state, int action)
    {
        string name = $"outcomes of action {action} in state {state}";
        foreach (StateTransition outcome in outcomes)
        {
            if (outcome.Next < 0 || outcome.Next >= StateCount)
                throw new ArgumentException($"The next state is {outcome.Next}; expected 0 to {StateCount - 1}.", name);
            if (!double.IsFinite(outcome.Reward))
                throw new ArgumentException(Invariant($"The reward is {outcome.Reward}; expected a finite number."), name);
        }

        Distributions.Check([.. outcomes.Select(o => o.Probability)], name);
    }

    private bool StaysWithoutReward(int state) => Enumerable.Range(0, ActionCount).All(
        action => _outcomes[Index(state, action)].All(o => o.Next == state && o.Reward == 0));

    private int Index(int state, int action) => state * ActionCount + action;

    private static int Checked(double[,,] transitions, double[,] rewards)
    {
        ArgumentNullException.ThrowIfNull(transitions);
        ArgumentNullException.ThrowIfNull(rewards);
        (int states, int actions, int next) = (transitions.GetLength(0), transitions.GetLength(1), transitions.GetLength(2));
        if (next != states)
            throw new ArgumentException(
                $"The transitions are [{states}, {actions}, {next}]; expected as many next states as states.", nameof(transitions));
        if (rewards.GetLength(0) != states || rewards.GetLength(1) != actions)
        {
            throw new ArgumentException(
                $"The rewards are [{rewards.GetLength(0)}, {rewards.GetLength(1)}]; expected [{states}, {actions}], as the transitions.",
                nameof(rewards));
        }

        return states;
    }
}
