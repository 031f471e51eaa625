namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>How the arm of a <see cref="MultiArmedBandit"/> is chosen.</summary>
public enum BanditStrategy
{
    /// <summary>
    /// Each arm once, then the arm with the best mean so far, and with the probability ε any (Sutton, Barto 2018, section 2.4).
    /// </summary>
    EpsilonGreedy,

    /// <summary>
    /// Each arm once, then the arm with the highest upper confidence bound, mean + √(c·ln t / n) for t pulls, n of them of the arm (UCB1;
    /// Auer, Cesa-Bianchi, Fischer, "Finite-time analysis of the multiarmed bandit problem", 2002).
    /// </summary>
    Ucb1,

    /// <summary>Each arm with the probability that it is the best, given what was seen (Thompson 1933).</summary>
    ThompsonSampling,
}
